// The sample application: what it is made of, how it is, and what breaks it.
import { el, safeLink } from './blocks.js';
import { T, clock } from './words.js';

const part = document.getElementById('samplepart'), box = document.getElementById('sample'), tries = document.getElementById('sampletry');
let sample = null, press = () => {};

// act is a button that asks the demo for something.
function act(what, words, kind) {
  return el('button', { type: 'button', class: kind || '', 'data-do': what, onclick: async ev => {
    const b = ev.currentTarget;
    b.disabled = true;
    await press(what);
    b.disabled = false;
  } }, words);
}

const BREAKS = ['kill', 'errors', 'hang', 'leak', 'postgres', 'forget'];

function step(s, last, failed) {
  const words = T('step')[s.code], state = s.took ? 'ok' : last && failed ? 'bad' : 'wait';
  return el('li', { class: state }, typeof words === 'function' ? words(s.name) : words, s.took ? el('small', {}, ' ' + (s.took / 1000).toFixed(1) + ' s') : null);
}

function service(s) {
  const at = new Date(s.since), dot = { up: 'ok', starting: 'wait' }[s.state] || 'bad';
  return el('li', { class: dot, 'data-service': s.name, 'data-state': s.state }, s.name, el('small', {}, ' ' + [s.version, T('service')[s.state], dot === 'ok' ? '' : clock(at), s.detail].filter(Boolean).join(' · ')));
}

function steps(failed) {
  const list = sample.steps || [];
  return el('ul', { class: 'steps' }, list.map((s, i) => step(s, i === list.length - 1, failed)));
}

const PHASES = {
  absent: () => sample.missing ? [el('p', {}, T('absentsample')), el('ul', {}, sample.missing.map(m => el('li', { title: m.text }, T('missing')[m.code] || m.code, ['other', 'port'].includes(m.code) ? m.text : null)))] : [],
  offered: () => [el('p', {}, T('offer')), el('ul', {}, (sample.parts || []).map(p => el('li', {}, T('image')[p.from](p)))), act('start', T('start'), 'go')],
  starting: () => [el('p', {}, T('starting')), steps(false)],
  failed: () => [steps(true), el('pre', {}, sample.error), act('start', T('again'), 'go')],
  removing: () => [el('p', {}, T('removing'))],
  up: () => [
    el('p', { class: sample.health === 'ok' ? 'ok' : 'bad', id: 'sampleanswers' }, [sample.health === 'ok' ? '' : sample.health === 'none' ? T('nobody') : sample.health, sample.running && T('answering', sample.running), sample.errors ? T('errorshare', sample.errors) : ''].filter(Boolean).join(' · '), ' ',
      safeLink(sample.url) ? el('a', { href: sample.url, target: '_blank', rel: 'noopener noreferrer' }, T('open')) : null),
    el('ul', { class: 'steps' }, (sample.services || []).map(service)),
    el('h3', {}, T('breaks')), BREAKS.map(b => act(b, T('breakit')[b])), act('remove', T('remove'), 'under'),
  ],
};

export function drawSample() {
  part.hidden = !sample || sample.phase === 'absent' && !sample.missing;
  if (part.hidden) return;
  const had = box.contains(document.activeElement) && document.activeElement.dataset.do;
  box.dataset.phase = sample.phase;
  tries.hidden = sample.phase !== 'up';
  box.replaceChildren(...PHASES[sample.phase]().flat());
  if (had) (box.querySelector('[data-do="' + CSS.escape(had) + '"]') || box.querySelector('button'))?.focus({ preventScroll: true });
}

// watchSample keeps the part of the page true; a demo without a sample application is asked once.
export async function watchSample(call, toast) {
  press = async what => {
    const a = await call('sample', { name: what });
    if (a.note) toast(T(a.note), 'note'); else if (!a.error && BREAKS.includes(what)) toast(T('taken'), 'good');
  };
  for (let since = -1; ;) {
    try {
      const r = await fetch('api/sample?since=' + since);
      if (!r.ok) throw new Error(r.statusText);
      sample = await r.json();
      if (!sample) return;
      since = sample.version;
      drawSample();
    } catch {
      since = -1;
      await new Promise(done => setTimeout(done, 1000));
    }
  }
}
