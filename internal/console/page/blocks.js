// Block Kit into elements. Text becomes text nodes only, so whatever a message says stays words.
import { T, clock, day, full, lang } from './words.js';

// world is what the page knows of the workspace: names by id, and what links do.
export const world = { names: {}, groups: [], channels: [], people: [], team: '', absent: {}, follow: () => {}, note: () => {} };

export function el(tag, attrs, ...kids) {
  const e = document.createElement(tag);
  for (const [k, v] of Object.entries(attrs || {})) {
    if (v === undefined || v === null || v === false) continue;
    if (k === 'class') e.className = v; else if (k.startsWith('on')) e.addEventListener(k.slice(2), v); else e.setAttribute(k, v === true ? '' : v);
  }
  for (const kid of kids.flat()) if (kid !== undefined && kid !== null) e.append(kid);
  return e;
}

const EMOJI = { red_circle: '🔴', large_orange_circle: '🟠', large_yellow_circle: '🟡', large_green_circle: '🟢', large_blue_circle: '🔵', white_circle: '⚪', white_check_mark: '✅', heavy_check_mark: '✔️', x: '❌', warning: '⚠️', no_entry: '⛔', no_entry_sign: '🚫', information_source: 'ℹ️', rotating_light: '🚨', bell: '🔔', fire: '🔥', hourglass: '⌛', hourglass_flowing_sand: '⏳', alarm_clock: '⏰', stopwatch: '⏱️', eyes: '👀', pushpin: '📌', memo: '📝', book: '📖', arrow_up: '⬆️', arrow_down: '⬇️', repeat: '🔁', arrows_counterclockwise: '🔄', leftwards_arrow_with_hook: '↩️', bust_in_silhouette: '👤', mag: '🔍', loudspeaker: '📢', bar_chart: '📊', calendar: '📅', link: '🔗', telephone_receiver: '📞', pager: '📟', tada: '🎉', wrench: '🔧' };
function emoji(name, unicode) {
  if (/^[0-9a-f]{2,6}(-[0-9a-f]{2,6})*$/i.test(unicode || '')) return String.fromCodePoint(...unicode.split('-').map(h => Math.min(parseInt(h, 16), 0x10ffff)));
  return Object.hasOwn(EMOJI, name) ? EMOJI[name] : ':' + name + ':';
}

function mention(text) { return el('span', { class: 'mention' }, text); }
function userName(id) { return mention('@' + (Object.hasOwn(world.names, id) ? world.names[id] : id)); }
function groupName(id) { const g = world.groups.find(g => g.id === id); return mention('@' + (g ? g.handle : id)); }
function channelName(id) { const c = world.channels.find(c => c.id === id); return mention('#' + (c ? c.name : id)); }

// date fills Slack's form of a date, in the reader's own zone and language.
function date(seconds, form) {
  const d = new Date(seconds * 1000);
  if (isNaN(d)) return '';
  const words = (form || '{date_short_pretty} {time}').replace(/\{([a-z_]+)\}/g, (all, name) => {
    if (name === 'time') return clock(d);
    if (name === 'time_secs') return clock(d) + ':' + String(d.getSeconds()).padStart(2, '0');
    return name.startsWith('date') ? day(d, name.endsWith('_pretty'), name.startsWith('date_long')) : all;
  });
  return el('time', { datetime: d.toISOString(), title: full(d) }, words);
}

function styled(node, style) {
  let out = node;
  for (const [key, tag] of [['code', 'code'], ['bold', 'b'], ['italic', 'i'], ['strike', 's']]) if (style && style[key]) out = el(tag, {}, out);
  return out;
}

export function safeLink(url) { try { const u = new URL(url); return u.protocol === 'http:' || u.protocol === 'https:' ? u : null; } catch { return null; } }

// link is an anchor for http and https alone; any other address stays words.
function link(url, attrs, ...kids) {
  const u = safeLink(url);
  if (!u) return el('span', { class: attrs.class }, kids);
  const follow = ev => {
    const card = u.hostname === world.team + '.slack.com' && /^\/archives\/(\w+)\/p(\d+)(\d{6})$/.exec(u.pathname);
    if (card) { ev.preventDefault(); world.follow(card[1], card[2] + '.' + card[3]); }
    if (Object.hasOwn(world.absent, u.host)) { ev.preventDefault(); world.note(T('absent', world.absent[u.host])); }
  };
  return el('a', { ...attrs, href: u.href, target: '_blank', rel: 'noopener noreferrer', onclick: ev => { follow(ev); attrs.pressed?.(); }, pressed: undefined }, kids);
}

function richElement(e) {
  switch (e.type) {
    case 'text': return styled(document.createTextNode(e.text), e.style);
    case 'user': return userName(e.user_id);
    case 'usergroup': return groupName(e.usergroup_id);
    case 'channel': return channelName(e.channel_id);
    case 'broadcast': return mention('@' + e.range);
    case 'emoji': return emoji(e.name, e.unicode);
    case 'date': return styled(date(+e.timestamp, e.format), e.style);
    case 'link': return link(e.url, {}, styled(document.createTextNode(e.text || e.url), e.style));
  }
  return '[' + e.type + ']';
}

function rich(block) {
  return el('div', { class: 'rt' }, (block.elements || []).map(s => {
    const kids = () => (s.elements || []).map(richElement);
    switch (s.type) {
      case 'rich_text_section': return el('div', {}, kids());
      case 'rich_text_quote': return el('blockquote', {}, kids());
      case 'rich_text_preformatted': return el('pre', {}, kids());
      case 'rich_text_list': return el(s.style === 'ordered' ? 'ol' : 'ul', {}, s.elements.map(i => el('li', {}, (i.elements || []).map(richElement))));
    }
    return '[' + s.type + ']';
  }));
}

// mrkdwn as far as a bot that escapes uses it: <@U>, <!subteam^S>, <!date^…>, <url|label>, *bold*, `code`, :emoji:.
export function mrkdwn(text) {
  const out = [], re = /<([^<>]+)>|`([^`\n]+)`|\*([^*\n]+)\*|:([a-z0-9_+-]+):/g;
  const un = s => s.replace(/&lt;/g, '<').replace(/&gt;/g, '>').replace(/&amp;/g, '&');
  let at = 0, m;
  while ((m = re.exec(text))) {
    out.push(un(text.slice(at, m.index))); at = re.lastIndex;
    if (m[2]) out.push(el('code', {}, un(m[2])));
    else if (m[3]) out.push(el('b', {}, un(m[3])));
    else if (m[4]) out.push(emoji(m[4]));
    else {
      const [head, label] = m[1].split('|');
      if (head.startsWith('@')) out.push(userName(head.slice(1)));
      else if (head.startsWith('!subteam^')) out.push(groupName(head.slice(9)));
      else if (head.startsWith('!date^')) { const [, ts, form] = head.split('^'); out.push(date(+ts, form)); }
      else if (head.startsWith('!')) out.push(mention('@' + head.slice(1)));
      else if (head.startsWith('#')) out.push(channelName(head.slice(1)));
      else out.push(link(un(head), {}, un(label || head)));
    }
  }
  out.push(un(text.slice(at)));
  return out;
}

export function textOf(t) {
  if (!t) return [];
  if (t.type === 'mrkdwn') return mrkdwn(t.text);
  return [t.emoji === false ? t.text : t.text.replace(/:([a-z0-9_+-]+):/g, (all, n) => emoji(n))];
}

// renderBlocks draws blocks; press(block, element, button) is called when a button is pressed.
export function renderBlocks(blocks, press) {
  const button = (b, e) => {
    const attrs = { class: 'act ' + (e.style || ''), 'data-action': e.action_id };
    // A button with an address opens it, and the bot is told as well.
    if (e.url) return link(e.url, { ...attrs, pressed: () => press(b, e, null) }, textOf(e.text));
    return el('button', { ...attrs, type: 'button', onclick: ev => press(b, e, ev.currentTarget) }, textOf(e.text));
  };
  return (blocks || []).map(b => {
    switch (b.type) {
      case 'header': return el('div', { class: 'b-header', role: 'heading', 'aria-level': 2 }, textOf(b.text));
      case 'divider': return el('hr', { class: 'b-divider' });
      case 'rich_text': return rich(b);
      case 'context': return el('div', { class: 'b-context rt' }, (b.elements || []).map(e => el('span', {}, textOf(e), ' ')));
      case 'section': return el('div', { class: 'b-section rt' }, el('div', {}, textOf(b.text), b.fields ? el('div', { class: 'b-fields' }, b.fields.map(f => el('div', {}, textOf(f)))) : null),
        b.accessory?.type === 'button' ? button(b, b.accessory) : null);
      case 'actions': return el('div', { class: 'b-actions' }, (b.elements || []).map(e => (e.type === 'button' ? button(b, e) : el('span', { class: 'hint' }, '[' + e.type + ']'))));
      case 'input': return renderInput(b);
    }
    return el('div', { class: 'hint' }, '[' + b.type + ']');
  });
}

function choice(id, options, initial, optional) {
  const none = initial ? null : el('option', { value: '', selected: true, disabled: !optional, hidden: !optional }, optional ? '—' : T('choose'));
  return el('select', { id }, none, initial && optional ? el('option', { value: '' }, '—') : null, options.map(o => el('option', { value: o.value, selected: initial === o.value }, o.label)));
}

function renderInput(b) {
  const e = b.element, id = 'in-' + b.block_id;
  const plain = t => textOf(t).join('');
  let field;
  switch (e.type) {
    case 'static_select':
      field = choice(id, e.options.map(o => ({ value: o.value, label: plain(o.text) + (o.description ? (lang === 'en' ? ': ' : '：') + plain(o.description) : '') })), e.initial_option?.value, b.optional);
      break;
    case 'users_select': field = choice(id, world.people.map(p => ({ value: p.id, label: p.name })), e.initial_user, b.optional); break;
    default:
      field = el(e.multiline ? 'textarea' : 'input', { id, rows: e.multiline ? 3 : undefined, maxlength: e.max_length, placeholder: e.placeholder?.text, autocomplete: 'off' });
      field.value = e.initial_value || '';
  }
  field.dataset.block = b.block_id;
  field.setAttribute('aria-describedby', 'err-' + b.block_id);
  if (!b.optional) field.setAttribute('aria-required', 'true');
  return el('div', { class: 'field' }, el('label', { for: id }, textOf(b.label), b.optional ? el('span', { class: 'opt' }, ' (' + T('optional') + ')') : null), field,
    b.hint ? el('p', { class: 'hint' }, textOf(b.hint)) : null, el('p', { class: 'err', id: 'err-' + b.block_id, role: 'alert' }));
}
