// The page: who one is, channels, messages, threads, and the wires to the console.
import { el, mrkdwn, renderBlocks, world } from './blocks.js';
import { confirmed, drawView } from './dialogs.js';
import { drawSample, watchSample } from './sample.js';
import { T, clock, day, full, lang, sampleTour, speak, tour } from './words.js';

const $ = id => document.getElementById(id);
const narrow = matchMedia('(max-width: 700px)');
let me = localStorage.me || '', channel = '', thread = '', version = -1, state = null;
// What a person has seen: by person and channel, and by person, channel and thread, the newest timestamp.
const seen = JSON.parse(localStorage.seen || '{}');

function toast(text, kind) {
  const t = $('toast');
  t.textContent = text;
  t.className = kind || '';
  t.hidePopover(); t.showPopover(); // again, so that it lies above a modal
  clearTimeout(t.timer);
  t.timer = setTimeout(() => t.hidePopover(), kind === 'good' ? 2500 : 7000);
}

// call asks the console. Errors become a toast, unless whoever calls shows them itself.
async function call(path, body, quiet) {
  let answer;
  try {
    const r = await fetch('api/' + path, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ as: me, ...body }) });
    answer = r.ok ? await r.json() : { error: (await r.text()).trim() || r.statusText };
  } catch {
    answer = { error: T('gone') };
  }
  if (answer.error && !quiet) toast(answer.error === '⚠' ? T('nottaken') : answer.error);
  return answer;
}

function words() {
  document.documentElement.lang = lang;
  document.title = 'notebookbot ' + T('demo');
  document.querySelectorAll('[data-t]').forEach(e => { e.textContent = T(e.dataset.t); });
  document.querySelectorAll('[data-label]').forEach(e => { e.setAttribute('aria-label', T(e.dataset.label)); });
  $('box').placeholder = T('box'); $('replybox').placeholder = T('replybox');
  $('lang').textContent = lang === 'en' ? '中文' : 'English';
  drawSample();
  $('speaks').textContent = T('speaks')[state.locale] || '';
  const cmd = text => /^[/@]/.test(text) ? el('button', { type: 'button', class: 'cmd', onclick: () => prepare(text) }, text) : text;
  const list = steps => steps.map(([text, ...commands]) => el('li', {}, text, commands.flatMap((c, i) => [i ? ' ' : null, cmd(c)])));
  $('tour').replaceChildren(...list(tour(state.hold)));
  $('sampletour').replaceChildren(...list(sampleTour(word => (state.commands || []).includes(word))));
  $('alerts').replaceChildren(...state.alerts.map(a => el('button', {
    type: 'button', 'data-alert': a.name, onclick: async ev => {
      const b = ev.currentTarget;
      b.disabled = true;
      const answer = await call('alert', { name: a.name });
      b.disabled = false;
      if (!answer.error) toast(T(answer.note || 'fired'), answer.note ? 'note' : 'good');
    } }, a.label[lang] || a.name)));
}

// prepare puts a command of the tour where it belongs: a mention into the newest card's thread.
function prepare(text) {
  if (text.startsWith('@') && !thread) {
    const found = [room(), ...state.channels].flatMap(c => (c?.messages || []).filter(m => m.bot && m.blocks?.some(b => b.type === 'actions')).slice(-1).map(m => [c.id, m.ts]))[0];
    if (found) { go(found[0]); thread = found[1]; draw(); }
  }
  openMenu(false);
  const box = text.startsWith('@') && thread ? $('replybox') : $('box');
  box.value = text;
  box.focus();
}

function room() { return state?.channels.find(c => c.id === channel); }

function go(to) {
  if (to !== channel) { channel = to; thread = ''; }
  $('messages').dataset.at = '';
  openMenu(false);
  draw();
}

// follow leads to a message of the workspace, where a permalink would.
function follow(to, ts) {
  const c = state.channels.find(c => c.id === to);
  const root = c?.messages.find(m => m.ts === ts || m.replies?.some(r => r.ts === ts));
  if (!root) return;
  $('modal').open && $('modal').dispatchEvent(new Event('cancel', { cancelable: true }));
  go(to);
  if (root.ts !== ts) { thread = root.ts; draw(); }
  const e = document.querySelector((root.ts === ts ? '#messages' : '#replies') + ' [data-ts="' + CSS.escape(ts) + '"]');
  e?.scrollIntoView({ block: 'nearest' });
  e?.classList.add('found');
  setTimeout(() => e?.classList.remove('found'), 2000);
}

function newest(list) { return list.reduce((a, m) => [m.ts, ...(m.replies || []).map(r => r.ts)].reduce((x, y) => (y > x ? y : x), a), ''); }
function fresh(list, since) { return list.filter(m => m.user !== me && m.ts > (since || '')).length; }
function see(key, ts) { if (ts > (seen[key] || '') && !document.hidden) { seen[key] = ts; localStorage.seen = JSON.stringify(seen); } }

function message(m, inThread, unread) {
  const press = async (b, e, button) => {
    if (!(await confirmed(e.confirm))) return;
    if (button) button.disabled = true;
    await call('click', { channel: m.channel, ts: m.ts, block: b.block_id, action: e.action_id });
    if (button) button.disabled = false;
  };
  const open = () => { thread = m.ts; $('replies').dataset.at = ''; draw(); $('replybox').focus(); };
  const at = new Date(parseFloat(m.ts) * 1000), n = (m.replies || []).filter(r => !r.ephemeral).length;
  const last = m.replies?.length ? T('last', clock(new Date(parseFloat(m.replies.at(-1).ts) * 1000))) : '';
  const tag = key => el('span', { class: 'tag' }, T(key));
  return el('article', { class: 'msg' + (m.bot ? ' bot' : '') + (m.ephemeral ? ' only' : ''), 'data-ts': m.ts },
    el('div', { class: 'face face' + [...(m.user || '')].reduce((a, c) => a + c.charCodeAt(0), 0) % 5, 'aria-hidden': 'true' }, m.bot ? 'N' : [...m.name][0]?.toUpperCase()),
    el('div', { class: 'body' },
      el('span', { class: 'who' }, m.name), m.bot ? tag('bot') : null, el('time', { class: 'when', datetime: at.toISOString(), title: full(at) }, clock(at)),
      m.edited ? tag('edited') : null, m.ephemeral ? el('span', { class: 'tag eye' }, '👁 ' + T('only')) : null,
      m.blocks?.length ? renderBlocks(m.blocks, press) : el('div', { class: 'rt' }, mrkdwn(m.text || '')),
      (m.files || []).map(f => el('a', { class: 'file', href: 'api/file/' + encodeURIComponent(f.id) + '?as=' + encodeURIComponent(me), download: f.name }, '📄 ' + f.name, el('small', {}, ' ' + Math.ceil(f.size / 1000) + ' kB'))),
      inThread || m.ephemeral ? null : el('div', { class: 'under' },
        el('button', { type: 'button', class: 'more', onclick: open }, m.replies?.length ? T('replies', n) : T('reply'), last ? el('small', {}, last) : null,
          unread ? el('span', { class: 'new' }, T('fresh', unread)) : null),
        m.bot ? null : (state.shortcuts || []).map(s => el('button', { type: 'button', class: 'more', 'data-shortcut': s.callback, onclick: () => call('shortcut', { channel: m.channel, ts: m.ts, name: s.callback }) }, s.label[lang])))));
}

function toEnd(box) { box.scrollTop = box.scrollHeight; box.end = true; }

// fill makes a list show items, and touches only what has changed: the place, the focus and open selections stay.
function fill(box, key, items) {
  const fromEnd = box.scrollHeight - box.scrollTop - box.clientHeight, arrived = box.dataset.at === key;
  const old = arrived && box.drawn || new Map(), now = new Map();
  const focus = box.contains(document.activeElement) && document.activeElement;
  const focused = focus && [focus.closest('[data-ts]')?.dataset.ts, focus.dataset.action];
  let before = old.size ? box.firstChild : (box.replaceChildren(), null), added = false;
  for (const it of items) {
    const was = old.get(it.key);
    const node = was?.sum === it.sum ? was.node : it.make();
    added ||= !was;
    now.set(it.key, { sum: it.sum, node });
    if (was && was.node !== node) { if (before === was.node) before = node; was.node.replaceWith(node); }
    if (node === before) before = node.nextSibling; else box.insertBefore(node, before);
  }
  while (before) { const next = before.nextSibling; before.remove(); before = next; }
  box.drawn = now;
  box.dataset.at = key;
  if (focused && !focus.isConnected) {
    const host = box.querySelector('[data-ts="' + CSS.escape(focused[0] || '') + '"]');
    (host?.querySelector('[data-action="' + CSS.escape(focused[1] || '') + '"]') || box).focus({ preventScroll: true });
  }
  if (!arrived || fromEnd < 60 || added && box.sent) toEnd(box);
  if (added) box.sent = false;
  return arrived && added && !box.end;
}

function listOf(messages, inThread) {
  const items = [];
  let last = '';
  for (const m of messages) {
    const d = new Date(parseFloat(m.ts) * 1000), name = day(d, true, true);
    if (name !== last && !inThread) items.push({ key: 'day ' + d.toDateString(), sum: name, make: () => el('div', { class: 'day', role: 'separator' }, el('span', {}, day(d, true, true))) });
    last = name;
    const unread = inThread ? 0 : fresh(m.replies || [], seen[me + channel + m.ts] || '');
    items.push({ key: m.ts, sum: JSON.stringify([m, lang, unread]), make: () => message(m, inThread, unread) });
  }
  return items.length ? items : [{ key: 'empty', sum: lang, make: () => el('p', { class: 'empty' }, T('empty')) }];
}

function drawSide() {
  $('people').replaceChildren(...state.people.filter(p => p.role).map(p => el('button', {
    type: 'button', 'aria-pressed': String(p.id === me), 'data-user': p.id, onclick: () => { me = localStorage.me = p.id; thread = ''; openMenu(false); poll(true); },
  }, p.name, el('small', {}, T('roles')[p.role] || p.role))));
  $('who').textContent = state.people.find(p => p.id === me)?.name || '';
  let elsewhere = 0;
  $('channels').replaceChildren(...state.channels.map(c => {
    const all = c.messages.flatMap(m => [m, ...(m.replies || [])]), here = c.id === channel;
    if (here) see(me + c.id, newest(c.messages));
    const unread = here ? 0 : fresh(all, seen[me + c.id]);
    elsewhere += unread;
    return el('button', { type: 'button', 'aria-current': String(here), 'data-channel': c.id, class: unread ? 'unread' : '', onclick: () => go(c.id) },
      (c.direct ? '@ ' : '# ') + c.name, unread ? el('span', { class: 'count', 'aria-label': T('unread', unread) }, unread > 99 ? '99+' : unread) : null);
  }));
  $('menucount').hidden = !elsewhere;
  $('menucount').textContent = elsewhere;
}

// keepFocus draws lists of buttons anew and gives the focus back to the one that had it.
function keepFocus(box, drawing) {
  const had = $(box).contains(document.activeElement) && document.activeElement;
  drawing();
  if (!had || had.isConnected) return;
  for (const [key, value] of Object.entries(had.dataset)) $(box).querySelector('[data-' + key + '="' + CSS.escape(value) + '"]')?.focus();
}

function draw() {
  if (!state) return;
  keepFocus('side', drawSide);
  const c = room();
  if (!c) return;
  $('title').textContent = (c.direct ? '@ ' : '# ') + c.name; $('topic').textContent = c.topic?.[lang] || '';
  const root = thread && c.messages.find(m => m.ts === thread);
  if (root) see(me + channel + root.ts, newest([root]));
  if (fill($('messages'), me + channel, listOf(c.messages, false))) $('newest').hidden = false;
  $('thread').hidden = !root;
  $('threadof').textContent = $('title').textContent;
  if (root) fill($('replies'), me + thread, listOf([{ ...root, replies: undefined }, ...(root.replies || [])], true));
  drawView(state.view, call);
}

function take(s) {
  const first = !state;
  state = s; version = s.version;
  Object.assign(world, { names: s.names, groups: s.groups, channels: s.channels, people: s.people, team: s.team, absent: s.absent || {} });
  if (first) { if (!lang) speak(s.locale); words(); }
  if (me !== s.me) me = localStorage.me = s.me;
  if (!s.channels.some(c => c.id === channel)) { channel = s.channels[0]?.id || ''; thread = ''; }
  draw();
}

let polling;
async function poll(now) {
  polling?.abort();
  const mine = polling = new AbortController();
  while (polling === mine) {
    let s;
    try {
      const r = await fetch('api/state?as=' + encodeURIComponent(me) + '&since=' + (now ? -1 : version), { signal: mine.signal });
      if (!r.ok) throw new Error(r.statusText);
      s = await r.json();
    } catch {
      if (mine.signal.aborted) return;
      if (state) toast(T('gone'));
      version = -1; // a demo that was started anew counts from the beginning
      await new Promise(r => setTimeout(r, 1000));
      continue;
    }
    now = false;
    take(s);
  }
}

async function send(box, to) {
  const text = box.value.trim();
  if (!text) return;
  if (to && text.startsWith('/')) { toast(T('noslash')); return; }
  box.value = '';
  $(to ? 'replies' : 'messages').sent = true; // what one writes, and the answer to it, one wants to see
  const a = await call('say', { channel, thread: to, text });
  if (a.error && !box.value) box.value = text;
}

function openMenu(yes) {
  document.body.classList.toggle('menu', yes);
  $('menu').setAttribute('aria-expanded', String(yes));
}

function closeThread() { thread = ''; draw(); $('box').focus({ preventScroll: true }); }

world.follow = follow; world.note = text => toast(text, 'note');
$('composer').onsubmit = ev => { ev.preventDefault(); send($('box'), ''); };
$('replyform').onsubmit = ev => { ev.preventDefault(); send($('replybox'), thread); };
$('closethread').onclick = closeThread;
$('menu').onclick = () => openMenu(!document.body.classList.contains('menu'));
$('lang').onclick = () => { speak(lang === 'en' ? 'zh-CN' : 'en', true); words(); draw(); };
$('newest').onclick = () => toEnd($('messages'));
for (const box of [$('messages'), $('replies')]) {
  box.onscroll = () => { box.end = box.scrollHeight - box.scrollTop - box.clientHeight < 60; if (box.end && box.id === 'messages') $('newest').hidden = true; };
  new ResizeObserver(() => { if (box.end) toEnd(box); }).observe(box); // who is at the end stays there
}
document.querySelector('main').addEventListener('pointerdown', ev => { if (narrow.matches && !ev.target.closest('#menu')) openMenu(false); });
document.addEventListener('keydown', ev => {
  if (ev.key !== 'Escape' || ev.defaultPrevented || document.querySelector('dialog[open]')) return;
  if (document.body.classList.contains('menu')) { openMenu(false); $('menu').focus(); } else if (thread) closeThread();
});
document.addEventListener('visibilitychange', draw);
poll(true);
watchSample(call, toast);
