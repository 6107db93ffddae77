// Block Kit into elements. Text becomes text nodes only, so whatever a message says stays words.
'use strict';

function el(tag, attrs, ...kids) {
  const e = document.createElement(tag);
  for (const [k, v] of Object.entries(attrs || {})) {
    if (v === undefined || v === null || v === false) continue;
    if (k === 'class') e.className = v; else if (k.startsWith('on')) e.addEventListener(k.slice(2), v); else e.setAttribute(k, v === true ? '' : v);
  }
  for (const kid of kids.flat()) if (kid !== undefined && kid !== null) e.append(kid);
  return e;
}

const EMOJI = { red_circle: '🔴', large_orange_circle: '🟠', large_yellow_circle: '🟡', large_green_circle: '🟢', white_check_mark: '✅', warning: '⚠️', rotating_light: '🚨', bell: '🔔', fire: '🔥', hourglass_flowing_sand: '⏳', hourglass: '⌛', alarm_clock: '⏰', eyes: '👀', pushpin: '📌', memo: '📝', book: '📖', arrow_up: '⬆️', arrow_down: '⬇️', repeat: '🔁', recycle: '♻️', x: '❌', heavy_check_mark: '✔️', large_blue_circle: '🔵', white_circle: '⚪', no_entry: '⛔', no_entry_sign: '🚫', information_source: 'ℹ️', wrench: '🔧', bust_in_silhouette: '👤', mag: '🔍', loudspeaker: '📢', mute: '🔇', bar_chart: '📊', calendar: '📅', clipboard: '📋', link: '🔗', telephone_receiver: '📞', question: '❓', speech_balloon: '💬', construction: '🚧', tada: '🎉', stopwatch: '⏱️', arrows_counterclockwise: '🔄', leftwards_arrow_with_hook: '↩️', heavy_exclamation_mark: '❗', exclamation: '❗', police_car_light: '🚨', checkered_flag: '🏁', pager: '📟', raising_hand: '🙋', bulb: '💡' };

function emoji(name) { return EMOJI[name] || ':' + name + ':'; }
function userName(id) { const p = (window.STATE?.people || []).find(p => p.id === id); return '@' + (p ? p.name : (window.STATE?.names || {})[id] || id); }
function groupName(id) { const g = (window.STATE?.groups || []).find(g => g.id === id); return '@' + (g ? g.handle : id); }
function channelName(id) { const c = (window.STATE?.channels || []).find(c => c.id === id); return '#' + (c ? c.name : id); }

function dateText(ts, format) {
  const d = new Date(ts * 1000), p = n => String(n).padStart(2, '0');
  const time = p(d.getHours()) + ':' + p(d.getMinutes()), day = (d.getMonth() + 1) + '/' + d.getDate();
  return (format || '{date_short} {time}').replace(/\{date[a-z_]*\}/g, day).replace(/\{time_secs\}/g, time + ':' + p(d.getSeconds())).replace(/\{time\}/g, time).replace(/\{[a-z_]+\}/g, '');
}

function styled(node, style) {
  let out = node;
  for (const [key, tag] of [['code', 'code'], ['bold', 'b'], ['italic', 'i'], ['strike', 's']]) if (style && style[key]) out = el(tag, {}, out);
  return out;
}

function safeLink(url) { try { const u = new URL(url); return u.protocol === 'http:' || u.protocol === 'https:' ? u.href : null; } catch { return null; } }

function richElement(e) {
  switch (e.type) {
    case 'text': return styled(document.createTextNode(e.text), e.style);
    case 'user': return el('span', { class: 'mention' }, userName(e.user_id));
    case 'usergroup': return el('span', { class: 'mention' }, groupName(e.usergroup_id));
    case 'channel': return el('span', { class: 'mention' }, channelName(e.channel_id));
    case 'broadcast': return el('span', { class: 'mention' }, '@' + e.range);
    case 'emoji': return emoji(e.name);
    case 'date': return styled(el('time', { title: new Date(e.timestamp * 1000).toLocaleString() }, dateText(e.timestamp, e.format)), e.style);
    case 'link': { const href = safeLink(e.url); return href ? el('a', { href, target: '_blank', rel: 'noreferrer' }, styled(document.createTextNode(e.text || e.url), e.style)) : (e.text || e.url); }
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
      case 'rich_text_list': return el(s.style === 'ordered' ? 'ol' : 'ul', {}, s.elements.map(i => el('li', {}, i.elements.map(richElement))));
    }
    return '[' + s.type + ']';
  }));
}

// mrkdwn as far as a bot that escapes uses it: <@U>, <!subteam^S>, <!date^…>, <url|label>, *bold*, `code`.
function mrkdwn(text) {
  const out = [], re = /<([^<>]+)>|`([^`\n]+)`|\*([^*\n]+)\*|:([a-z0-9_+-]+):/g;
  const un = s => s.replace(/&lt;/g, '<').replace(/&gt;/g, '>').replace(/&amp;/g, '&');
  let at = 0, m;
  while ((m = re.exec(text))) {
    out.push(un(text.slice(at, m.index))); at = re.lastIndex;
    if (m[2]) out.push(el('code', {}, un(m[2])));
    else if (m[3]) out.push(el('b', {}, un(m[3])));
    else if (m[4]) out.push(emoji(m[4]));
    else {
      const [head, label] = [m[1].split('|')[0], m[1].split('|')[1]];
      if (head.startsWith('@')) out.push(el('span', { class: 'mention' }, userName(head.slice(1))));
      else if (head.startsWith('!subteam^')) out.push(el('span', { class: 'mention' }, groupName(head.slice(9))));
      else if (head.startsWith('!date^')) { const [, ts, f] = head.split('^'); out.push(dateText(+ts, f)); }
      else if (head.startsWith('!')) out.push(el('span', { class: 'mention' }, '@' + head.slice(1)));
      else if (head.startsWith('#')) out.push(el('span', { class: 'mention' }, channelName(head.slice(1))));
      else { const href = safeLink(un(head)); out.push(href ? el('a', { href, target: '_blank', rel: 'noreferrer' }, un(label || head)) : un(label || head)); }
    }
  }
  out.push(un(text.slice(at)));
  return out;
}

function textOf(t) {
  if (!t) return [];
  if (t.type === 'mrkdwn') return mrkdwn(t.text);
  return [t.text.replace(/:([a-z0-9_+-]+):/g, (all, n) => t.emoji !== false && EMOJI[n] ? EMOJI[n] : all)];
}

// renderBlocks draws blocks; press(block, element) is called when a button is pressed.
function renderBlocks(blocks, press) {
  return (blocks || []).map(b => {
    switch (b.type) {
      case 'header': return el('div', { class: 'b-header' }, textOf(b.text));
      case 'divider': return el('hr', { class: 'b-divider' });
      case 'rich_text': return rich(b);
      case 'context': return el('div', { class: 'b-context rt' }, (b.elements || []).map(e => el('span', {}, textOf(e), ' ')));
      case 'section': return el('div', { class: 'rt' }, textOf(b.text), b.fields ? el('div', { class: 'b-fields' }, b.fields.map(f => el('div', {}, textOf(f)))) : null);
      case 'actions': return el('div', { class: 'b-actions' }, (b.elements || []).map(e => {
        if (e.url) return el('a', { class: 'act', href: safeLink(e.url) || '#', target: '_blank', rel: 'noreferrer' }, textOf(e.text));
        return el('button', { type: 'button', class: 'act ' + (e.style || ''), 'data-action': e.action_id, onclick: ev => press && press(b, e, ev.currentTarget) }, textOf(e.text));
      }));
      case 'input': return renderInput(b);
    }
    return el('div', { class: 'hint' }, '[' + b.type + ']');
  });
}

function renderInput(b) {
  const e = b.element, id = 'in-' + b.block_id;
  let field;
  if (e.type === 'static_select') field = el('select', { id }, b.optional ? el('option', { value: '' }, '—') : null, e.options.map(o => el('option', { value: o.value, selected: e.initial_option?.value === o.value }, textOf(o.text))));
  else if (e.type === 'users_select') field = el('select', { id }, (window.STATE?.people || []).map(p => el('option', { value: p.id, selected: e.initial_user === p.id }, p.name)));
  else if (e.multiline) { field = el('textarea', { id, rows: 3, maxlength: e.max_length, placeholder: e.placeholder?.text }); field.value = e.initial_value || ''; }
  else { field = el('input', { id, maxlength: e.max_length, placeholder: e.placeholder?.text }); field.value = e.initial_value || ''; }
  field.dataset.block = b.block_id;
  field.dataset.action = e.action_id;
  field.dataset.type = e.type;
  return el('div', { class: 'field' }, el('label', { for: id }, textOf(b.label), b.optional ? el('span', { class: 'opt' }, ' (' + T('optional') + ')') : null), field,
    b.hint ? el('p', { class: 'hint' }, textOf(b.hint)) : null, el('p', { class: 'err', id: 'err-' + b.block_id }));
}
