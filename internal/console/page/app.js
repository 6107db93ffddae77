'use strict';

const WORDS = {
  'zh-CN': { demo: '演示', iam: '我现在是', channels: '频道', alerts: '触发告警', alertshint: '告警经由真实的 webhook 进入。', tour: '试试看', send: '发送', thread: '消息列', optional: '可选', only: '仅你可见', edited: '已编辑', replies: n => n + ' 条回复', reply: '回复', placeholder: '消息，/notebook 命令，或 @notebookbot …', replyph: '回复，或 @notebookbot 命令', cancel: '取消', empty: '还没有消息。', gone: '连接已断开，正在重连……', bot: '应用', roles: { operator: '运维', commander: '指挥', stranger: '外部人员' } },
  en: { demo: 'demo', iam: 'I am', channels: 'Channels', alerts: 'Fire alerts', alertshint: 'They come in through the real webhook.', tour: 'What to try', send: 'Send', thread: 'Thread', optional: 'optional', only: 'Only visible to you', edited: 'edited', replies: n => n + (n === 1 ? ' reply' : ' replies'), reply: 'Reply', placeholder: 'Message, /notebook command, or @notebookbot …', replyph: 'Reply, or @notebookbot command', cancel: 'Cancel', empty: 'No messages yet.', gone: 'Connection lost, trying again…', bot: 'APP', roles: { operator: 'operator', commander: 'commander', stranger: 'stranger' } },
};
const TOUR = {
  'zh-CN': [['触发“服务宕机”，在 #incidents 看卡片'], ['点“确认”，响应时钟停止'], ['输入 ', '/notebook help'], ['在消息列里输入 ', '@notebookbot incident note 已重启 backend'], ['换成外部人员再点一次按钮'], ['结束告警，看“验证中”到“已恢复”']],
  en: [['Fire "service down", look at #incidents'], ['Press Acknowledge: the response clock stops'], ['Type ', '/notebook help'], ['In the thread type ', '@notebookbot incident note backend restarted'], ['Be the stranger and press a button'], ['End the alert: verifying, then recovered']],
};

const $ = id => document.getElementById(id);
let lang = localStorage.lang || (navigator.language.startsWith('zh') ? 'zh-CN' : document.documentElement.lang);
let me = localStorage.me || '', channel = '', threadTS = '', viewID = '', version = 0, seen = {}, drawn = {};
function T(key) { return (WORDS[lang] || WORDS.en)[key]; }

function words() {
  document.documentElement.lang = lang;
  document.querySelectorAll('[data-t]').forEach(e => { e.textContent = T(e.dataset.t); });
  $('box').placeholder = T('placeholder'); $('replybox').placeholder = T('replyph');
  $('lang').textContent = lang === 'en' ? '中文' : 'English';
  $('tour').replaceChildren(...TOUR[lang].map(([text, cmd]) => el('li', {}, text, cmd ? el('code', { onclick: () => { const b = cmd.startsWith('@') && threadTS ? $('replybox') : $('box'); b.value = cmd; b.focus(); } }, cmd) : null)));
  drawn = {};
}

let toastTimer;
function toast(text) { $('toast').textContent = text; $('toast').hidden = false; clearTimeout(toastTimer); toastTimer = setTimeout(() => { $('toast').hidden = true; }, 6000); }

async function call(path, body) {
  const r = await fetch('api/' + path, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ as: me, ...body }) });
  const answer = await r.json().catch(() => ({ error: r.status + ' ' + r.statusText }));
  if (answer.error) toast(answer.error);
  return answer;
}

function clock(ts) { const d = new Date(parseFloat(ts) * 1000); return String(d.getHours()).padStart(2, '0') + ':' + String(d.getMinutes()).padStart(2, '0'); }

function confirmBox(c) {
  if (!c) return Promise.resolve(true);
  return new Promise(done => {
    const end = v => { $('overlay').hidden = true; viewID = ''; drawn.view = null; done(v); };
    $('modal').onsubmit = ev => { ev.preventDefault(); end(true); };
    $('modal').replaceChildren(el('h1', {}, textOf(c.title)), el('div', { class: 'in rt' }, textOf(c.text)),
      el('div', { class: 'feet' }, el('button', { type: 'button', class: 'act', onclick: () => end(false) }, textOf(c.deny)), el('button', { class: 'act primary' }, textOf(c.confirm))));
    $('overlay').hidden = false;
  });
}

function message(m, inThread) {
  const press = async (b, e, button) => {
    if (!(await confirmBox(e.confirm))) return;
    button.disabled = true;
    await call('click', { channel: m.channel, ts: m.ts, block: b.block_id, action: e.action_id, ephemeral: !!m.ephemeral });
    button.disabled = false;
  };
  const open = () => { threadTS = m.ts; drawn = {}; draw(); };
  return el('article', { class: 'msg' + (m.bot ? ' bot' : '') + (m.ephemeral ? ' only' : ''), 'data-ts': m.ts },
    el('div', { class: 'face', 'aria-hidden': true }, m.bot ? 'N' : [...m.name][0]),
    el('div', { class: 'body' },
      el('span', { class: 'who' }, m.name), m.bot ? el('span', { class: 'tag' }, T('bot')) : null, el('time', { class: 'when' }, clock(m.ts)),
      m.edited ? el('span', { class: 'tag' }, T('edited')) : null, m.ephemeral ? el('span', { class: 'tag' }, T('only')) : null,
      m.blocks?.length ? renderBlocks(m.blocks, press) : el('div', { class: 'rt' }, mrkdwn(m.text || '')),
      inThread || m.ephemeral ? null : el('button', { type: 'button', class: 'more', onclick: open }, m.replies?.length ? T('replies')(m.replies.length) : T('reply'))));
}

function fill(box, key, list, inThread) {
  const sum = JSON.stringify(list) + lang;
  if (drawn[key] === sum) return;
  drawn[key] = sum;
  const down = box.scrollHeight - box.scrollTop - box.clientHeight < 60;
  box.replaceChildren(...(list.length ? list.map(m => message(m, inThread)) : [el('p', { class: 'empty' }, T('empty'))]));
  if (down || !drawn[key + 'once']) box.scrollTop = box.scrollHeight;
  drawn[key + 'once'] = true;
}

function drawView(v) {
  if ((v?.id || '') + (v?.hash || '') === drawn.view) return;
  drawn.view = (v?.id || '') + (v?.hash || '');
  if (!v) { if (viewID) $('overlay').hidden = true; viewID = ''; return; }
  viewID = v.id;
  $('modal').onsubmit = async ev => {
    ev.preventDefault();
    const values = {};
    $('modal').querySelectorAll('[data-block]').forEach(f => { values[f.dataset.block] = f.value; });
    const a = await call('submit', { view: v.id, values });
    $('modal').querySelectorAll('.err').forEach(e => { e.textContent = ''; });
    for (const [block, text] of Object.entries(a.errors || {})) { const e = $('err-' + block); if (e) e.textContent = text; }
  };
  const press = (b, e) => call('click', { view: v.id, block: b.block_id, action: e.action_id });
  $('modal').replaceChildren(el('h1', {}, v.title), el('div', { class: 'in' }, renderBlocks(v.blocks, press)),
    el('div', { class: 'feet' }, el('button', { type: 'button', class: 'act', onclick: () => call('close', { view: v.id }) }, v.close || T('cancel')),
      v.submit ? el('button', { class: 'act primary', id: 'submit' }, v.submit) : null));
  $('overlay').hidden = false;
  $('modal').querySelector('textarea, input, select')?.focus();
}

function draw() {
  const s = window.STATE;
  if (!s) return;
  $('people').replaceChildren(...s.people.filter(p => p.role).map(p => el('button', { type: 'button', role: 'radio', 'aria-checked': String(p.id === me), 'data-user': p.id, onclick: () => { me = localStorage.me = p.id; threadTS = ''; version = 0; drawn = {}; poll(true); } }, p.name, el('small', {}, T('roles')[p.role] || p.role))));
  $('channels').replaceChildren(...s.channels.map(c => {
    const n = c.messages.reduce((a, m) => a + 1 + (m.replies?.length || 0), 0), unread = Math.max(0, n - (seen[me + c.id] || 0));
    if (c.id === channel) seen[me + c.id] = n;
    return el('button', { type: 'button', 'aria-current': String(c.id === channel), 'data-channel': c.id, class: unread && c.id !== channel ? 'unread' : '', onclick: () => { channel = c.id; threadTS = ''; drawn = {}; draw(); } }, (c.direct ? '' : '# ') + c.name, unread && c.id !== channel ? el('span', { class: 'count' }, unread) : null);
  }));
  if (drawn.alerts !== lang) {
    drawn.alerts = lang;
    $('alerts').replaceChildren(...s.alerts.map(a => el('button', { type: 'button', 'data-alert': a.name, onclick: async ev => { const b = ev.currentTarget; b.disabled = true; await call('alert', { name: a.name }); b.disabled = false; } }, a.label[lang] || a.name)));
  }
  const c = s.channels.find(c => c.id === channel);
  if (!c) return;
  $('title').textContent = (c.direct ? '' : '# ') + c.name; $('topic').textContent = c.topic?.[lang] || '';
  fill($('messages'), 'messages', c.messages, false);
  const root = threadTS && c.messages.find(m => m.ts === threadTS);
  $('thread').hidden = !root;
  if (root) fill($('replies'), 'replies', [{ ...root, replies: undefined }, ...(root.replies || [])], true);
  drawView(s.view);
}

let polling;
async function poll(now) {
  polling?.abort();
  const mine = polling = new AbortController();
  while (polling === mine) {
    try {
      const r = await fetch('api/state?as=' + encodeURIComponent(me) + '&since=' + (now ? 0 : version), { signal: mine.signal });
      const s = await r.json();
      now = false; version = s.version; window.STATE = s;
      if (!me || !s.people.some(p => p.id === me && p.role)) { me = localStorage.me = s.me; now = true; continue; }
      if (!s.channels.some(c => c.id === channel)) channel = s.channels[0].id;
      draw();
    } catch (err) {
      if (mine.signal.aborted) return;
      toast(T('gone'));
      await new Promise(r => setTimeout(r, 1000));
    }
  }
}

async function send(box, thread) {
  const text = box.value.trim();
  if (!text) return;
  box.value = '';
  const a = await call('say', { channel, thread, text });
  if (a.error) box.value = text;
}

$('composer').onsubmit = ev => { ev.preventDefault(); send($('box'), ''); };
$('replyform').onsubmit = ev => { ev.preventDefault(); send($('replybox'), threadTS); };
$('closethread').onclick = () => { threadTS = ''; draw(); };
$('lang').onclick = () => { lang = localStorage.lang = lang === 'en' ? 'zh-CN' : 'en'; words(); draw(); };
document.addEventListener('keydown', ev => { if (ev.key === 'Escape' && viewID) call('close', { view: viewID }); });
words();
poll(true);
