// What the page itself says. What the bot says comes from the bot, in its own language.

const WORDS = {
  'zh-CN': {
    demo: '演示', side: '人员和频道', iam: '我现在是', channels: '频道和私信', alerts: '触发告警', tour: '试试看', sampletour: '用示例应用试试',
    alertshint: '按 Alertmanager 的格式发到机器人真正的 webhook。', fired: '已发送，webhook 回答 200。', nothing: '现在没有告警在触发。',
    send: '发送', thread: '话题', messages: '消息', close: '关闭', cancel: '取消', newest: '↓ 有新消息',
    box: '消息，/notebook 命令，或 @notebookbot …', replybox: '回复，或 @notebookbot 命令',
    optional: '可选', choose: '请选择', required: '请填写这一项。', only: '仅你可见', edited: '已编辑', bot: '应用', empty: '这里还没有消息。',
    replies: n => n + ' 条回复', reply: '在话题里回复', fresh: n => n + ' 条新', unread: n => n + ' 条未读', last: t => '最后一条 ' + t,
    today: '今天', yesterday: '昨天',
    gone: '与演示的连接断了，正在重连……', nottaken: '没有受理：机器人没有及时应答。请再点一次。',
    trouble: '没有受理：机器人没有及时应答。请再试一次。', noslash: '话题里没有斜杠命令（Slack 也是如此），请用 @notebookbot。',
    absent: host => '演示里没有 ' + host + '；在真实环境里，这个按钮会打开它。',
    sample: '示例应用', starting: '正在启动示例应用……', removing: '正在删除示例应用……', start: '启动示例应用', again: '再试一次', remove: '停止并删除',
    notnow: '现在不行：示例应用的状态刚刚变了。', taken: '已执行，几秒后就能看到结果。', open: '打开应用',
    offer: '在本机 Docker 上启动一个真实的小应用（五个容器，项目名 notebookbot-demo），可以弄坏它、重启它、部署新版本。不动你的任何东西，演示结束时全部删除。',
    image: { installed: p => p.name + '：用本机安装的制作', engine: p => p.name + '：用已有的镜像 ' + p.image, registry: p => p.name + '：从镜像仓库拉取 ' + p.image },
    step: { clean: '清理上次留下的', files: '写入文件和 git 版本', image: n => '制作镜像：' + n, up: '启动容器', healthy: '等待全部健康' },
    service: { up: '正常', starting: '启动中', unhealthy: '不健康', down: '已停止' }, nobody: '没有应答', answering: v => '版本 ' + v, errorshare: n => '最近的请求 ' + n + '% 出错',
    breaks: '弄坏它', breakit: { kill: '杀掉 backend', errors: 'backend 返回 500', hang: 'backend 卡死', leak: 'backend 内存泄漏', postgres: '停掉数据库', forget: '误删一半笔记' },
    absentsample: '还不能启动示例应用（其余功能照常）：',
    missing: {
      docker: 'Docker 没有应答。安装并启动它（Debian：apt-get install docker.io）。', rights: '当前用户无权使用 Docker。把用户加入 docker 组后重新登录。',
      compose: '没有 compose 命令（Debian：apt-get install docker-compose）。', git: '没有 git（Debian：apt-get install git）。',
      linux: '镜像由本机的程序制作，只能在 Linux 上。', remote: 'DOCKER_HOST 指向的可能是另一台机器，示例应用只用本机的 Docker。',
      busy: '本机的另一个演示正在运行示例应用。', other: '已有一个同名项目（notebookbot-demo）不是演示创建的，不会动它：', port: '端口已被占用，请重新启动演示：',
    },
    roles: { operator: '运维人员', commander: '指挥', stranger: '其他工作区' },
    speaks: { 'zh-CN': '机器人说中文（app.locale）。要它说英文：notebookbot demo --locale en', en: '机器人说英文，因为演示是用 --locale en 启动的。' },
  },
  en: {
    demo: 'demo', side: 'People and channels', iam: 'I am', channels: 'Channels and direct messages', alerts: 'Fire alerts', tour: 'What to try', sampletour: 'Try with the sample application',
    alertshint: 'Sent as Alertmanager does, to the bot’s real webhook.', fired: 'Sent; the webhook answered 200.', nothing: 'No alert is firing.',
    send: 'Send', thread: 'Thread', messages: 'Messages', close: 'Close', cancel: 'Cancel', newest: '↓ New messages',
    box: 'Message, /notebook command, or @notebookbot …', replybox: 'Reply, or @notebookbot command',
    optional: 'optional', choose: 'Choose', required: 'Please complete this field.', only: 'Only visible to you', edited: 'edited', bot: 'APP', empty: 'No messages here yet.',
    replies: n => n + (n === 1 ? ' reply' : ' replies'), reply: 'Reply in thread', fresh: n => n + ' new', unread: n => n + ' unread', last: t => 'last at ' + t,
    today: 'today', yesterday: 'yesterday',
    gone: 'The connection to the demo is lost; trying again …', nottaken: 'Not taken: the bot did not answer in time. Press again.',
    trouble: 'Not taken: the bot did not answer in time. Try again.', noslash: 'There are no slash commands in threads, in Slack neither: use @notebookbot.',
    absent: host => 'There is no ' + host + ' in the demo; in a real set-up this button opens it.',
    sample: 'Sample application', starting: 'Starting the sample application …', removing: 'Removing the sample application …', start: 'Start the sample application', again: 'Try again', remove: 'Stop and remove it',
    notnow: 'Not now: the sample application has just changed.', taken: 'Done; what comes of it shows in a few seconds.', open: 'Open the application',
    offer: 'A small real application on this machine’s Docker (five containers, project notebookbot-demo) to break, restart and deploy. Nothing of yours is touched, and all of it is removed when the demo ends.',
    image: { installed: p => p.name + ': made of what is installed', engine: p => p.name + ': of the image ' + p.image + ' that is there', registry: p => p.name + ': ' + p.image + ' is pulled from the registry' },
    step: { clean: 'clear what was left', files: 'write files and git versions', image: n => 'make the image: ' + n, up: 'start the containers', healthy: 'wait until all are healthy' },
    service: { up: 'up', starting: 'starting', unhealthy: 'unhealthy', down: 'down' }, nobody: 'nobody answers', answering: v => 'version ' + v, errorshare: n => n + '% of the last requests failed',
    breaks: 'Break it', breakit: { kill: 'kill the backend', errors: 'backend answers 500', hang: 'backend hangs', leak: 'backend leaks memory', postgres: 'stop the database', forget: 'delete every other note' },
    absentsample: 'The sample application cannot be started yet (all else works):',
    missing: {
      docker: 'Docker does not answer. Install and start it (Debian: apt-get install docker.io).', rights: 'This user may not use Docker. Add it to the group docker and log in again.',
      compose: 'There is no compose command (Debian: apt-get install docker-compose).', git: 'There is no git (Debian: apt-get install git).',
      linux: 'Its images are made of this machine’s programs, which works on Linux only.', remote: 'DOCKER_HOST may lead to another machine; the sample application uses this one’s Docker only.',
      busy: 'Another demo on this machine runs the sample application.', other: 'There is a project of the same name (notebookbot-demo) that no demo made; it is left alone: ', port: 'The port is taken, start the demo again: ',
    },
    roles: { operator: 'operator', commander: 'commander', stranger: 'other workspace' },
    speaks: { 'zh-CN': 'The bot speaks Chinese (app.locale). For English: notebookbot demo --locale en', en: 'The bot speaks English, because the demo was started with --locale en.' },
  },
};

// A step is words and, where there is something to type, commands that a click puts into the field.
const TOUR = {
  'zh-CN': hold => [
    ['触发“服务宕机（P0）”，到 #incidents 看卡片。'],
    ['点“确认”：响应时钟停止。'],
    ['在卡片的话题里记一笔：', '@notebookbot note 已重启 backend'],
    ['换成其他工作区的人，再点按钮：会被拒绝，只有他看得到。'],
    ['换回来，结束所有告警：先观察 ' + hold + ' 秒（正式默认 5 分钟），再变为“已恢复”。'],
    ['点“解决”，写下原因和方案。'],
    ['输入命令：', '/notebook help', '/notebook incident list all', '/notebook oncall', '/notebook capacity 1000 0.15 6'],
    ['写一条普通消息，再点它下面的“开启故障”。'],
  ],
  en: hold => [
    ['Fire “Service down (P0)” and look at its card in #incidents.'],
    ['Press the first button, acknowledge: the response clock stops.'],
    ['Write a note in the card’s thread: ', '@notebookbot note backend restarted'],
    ['Be the one of the other workspace and press a button: refused, and nobody else sees it.'],
    ['Be yourself again and end all alerts: verified for ' + hold + ' s (5 min by default), then recovered.'],
    ['Press resolve and write down cause and solution.'],
    ['Type commands: ', '/notebook help', '/notebook incident list all', '/notebook oncall', '/notebook capacity 1000 0.15 6'],
    ['Write a plain message, then press “Open an incident” below it.'],
  ],
};

// What there is to try while the sample application runs. A step whose commands the bot does not have is left out.
const SAMPLE_TOUR = {
  'zh-CN': [
    ['在上面点“杀掉 backend”：大约 5 秒后，真实的告警到 #incidents。'],
    ['换成李娜，看看哪里不对：', '/notebook health', '/notebook logs backend'],
    ['要求重启：', '/notebook restart backend', '再换成陈波，在 #ops 点“批准”，看它一步步执行和检查。'],
    ['backend 恢复后告警自己结束，故障变为“已恢复”。'],
    ['换一种弄坏：让 backend 返回 500 或卡死，健康检查看到的不一样。'],
    ['备份并查看：', '/notebook backup full', '/notebook backup list'],
    ['在上面点“误删一半笔记”，再找回来：', '/notebook restore latest database', '要陈波和王敏两人批准；找回后还能换回去（卡片上写着怎么做）。'],
    ['发布好的版本：', '/notebook deploy v2'],
    ['发布坏的版本，看它自己退回：v3 一直不健康，v4 过一会儿才出错。', '/notebook deploy v3', '/notebook deploy v4'],
    ['退回上一个版本：', '/notebook rollback'],
  ],
  en: [
    ['Press “kill the backend” above: after about 5 s the real alert comes to #incidents.'],
    ['Be Ana and see what is wrong: ', '/notebook health', '/notebook logs backend'],
    ['Ask for a restart: ', '/notebook restart backend', 'then be Bo, approve it in #ops, and watch it step by step.'],
    ['Once the backend is up the alert ends by itself and the incident recovers.'],
    ['Break it in another way: answering 500 or hanging, the health check sees different things.'],
    ['Back it up, and look: ', '/notebook backup full', '/notebook backup list'],
    ['Press “delete every other note” above, and get them back: ', '/notebook restore latest database', 'Bo and Chen both have to approve; the card says how to take it back.'],
    ['Deploy a good version: ', '/notebook deploy v2'],
    ['Deploy bad ones, which go back by themselves: v3 is never healthy, v4 fails after a while. ', '/notebook deploy v3', '/notebook deploy v4'],
    ['Go back to the version before: ', '/notebook rollback'],
  ],
};

// sampleTour is that tour; has tells whether the bot knows a word.
export function sampleTour(has) {
  const known = c => !c.startsWith('/notebook ') || has(c.split(' ')[1]);
  return (SAMPLE_TOUR[lang] || SAMPLE_TOUR['zh-CN']).filter(step => step.every(known));
}

export let lang = localStorage.lang in WORDS ? localStorage.lang : '';

export function speak(to, keep) {
  lang = to in WORDS ? to : 'zh-CN';
  if (keep) localStorage.lang = lang;
}

export function T(key, ...args) {
  const w = (WORDS[lang] || WORDS['zh-CN'])[key];
  return typeof w === 'function' ? w(...args) : w;
}

export function tour(hold) { return (TOUR[lang] || TOUR['zh-CN'])(hold); }

const two = n => String(n).padStart(2, '0');

export function clock(d) { return two(d.getHours()) + ':' + two(d.getMinutes()); }

// day names a day; pretty says today and yesterday where it can, as Slack does.
export function day(d, pretty, long) {
  const at = (date, shift) => new Date(date.getFullYear(), date.getMonth(), date.getDate() + shift).getTime();
  if (pretty && at(d, 0) === at(new Date(), 0)) return T('today');
  if (pretty && at(d, 0) === at(new Date(), -1)) return T('yesterday');
  const year = d.getFullYear() === new Date().getFullYear() ? undefined : 'numeric';
  return new Intl.DateTimeFormat(lang, { month: long ? 'long' : 'short', day: 'numeric', year, weekday: long ? 'long' : undefined }).format(d);
}

export function full(d) { return new Intl.DateTimeFormat(lang, { dateStyle: 'full', timeStyle: 'medium' }).format(d); }
