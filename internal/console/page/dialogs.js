// Modals, and the question before a button that asks one.
import { el, renderBlocks, textOf } from './blocks.js';
import { T } from './words.js';

const modal = document.getElementById('modal'), question = document.getElementById('confirm');

// confirmed asks what a button wants to be asked before it is pressed.
export function confirmed(c) {
  if (!c) return Promise.resolve(true);
  return new Promise(done => {
    question.returnValue = '';
    question.onclose = () => done(question.returnValue === 'yes');
    question.replaceChildren(el('form', { method: 'dialog' }, el('h1', { id: 'confirmtitle' }, textOf(c.title)), el('div', { class: 'in rt' }, textOf(c.text)),
      el('div', { class: 'feet' }, el('button', { class: 'act', value: 'no' }, textOf(c.deny)),
        el('button', { class: 'act ' + (c.style === 'danger' ? 'danger' : 'primary'), value: 'yes', autofocus: true }, textOf(c.confirm)))));
    question.showModal();
  });
}

let shown = '', left = ''; // the view on the screen; the view that the person has left, until the workspace knows it too

const fields = () => [...modal.querySelectorAll('[data-block]')];

function complain(errors) {
  modal.querySelectorAll('.err').forEach(e => { e.textContent = ''; });
  for (const f of fields()) f.removeAttribute('aria-invalid');
  let first;
  for (const f of fields()) {
    const text = errors[f.dataset.block];
    if (!text) continue;
    document.getElementById('err-' + f.dataset.block).textContent = text;
    f.setAttribute('aria-invalid', 'true');
    first ||= f;
  }
  first?.focus();
}

function trouble(text) { const t = modal.querySelector('.trouble'); if (t) t.textContent = text || ''; }

// drawView shows the person's open modal, or none. What was typed stays when the bot changes the modal around it.
export function drawView(v, call) {
  if (!v) { shown = left = ''; if (modal.open) modal.close(); return; }
  const sum = JSON.stringify([v.id, v.hash, T('cancel')]);
  if (v.id === left || sum === shown) return;
  const same = shown !== '' && JSON.parse(shown)[0] === v.id;
  shown = sum; left = '';
  const typed = same ? Object.fromEntries(fields().map(f => [f.dataset.block, f.value])) : {};
  const focus = same ? document.activeElement?.id : '';
  const leave = () => { left = v.id; shown = ''; modal.close(); call('close', { view: v.id }); };
  const submit = async ev => {
    ev.preventDefault();
    const empty = fields().filter(f => f.value === '' && f.getAttribute('aria-required'));
    complain(Object.fromEntries(empty.map(f => [f.dataset.block, T('required')])));
    if (empty.length || !v.submit) return;
    const b = modal.querySelector('#submit');
    b.disabled = true; trouble('');
    const a = await call('submit', { view: v.id, values: Object.fromEntries(fields().map(f => [f.dataset.block, f.value])) }, true);
    b.disabled = false;
    complain(a.errors || {});
    if (a.error) trouble(/trouble connecting/.test(a.error) ? T('trouble') : a.error);
  };
  const press = async (b, e, button) => {
    if (!(await confirmed(e.confirm))) return;
    if (button) button.disabled = true;
    const a = await call('click', { view: v.id, block: b.block_id, action: e.action_id }, true);
    if (button) button.disabled = false;
    if (a.error) trouble(a.error === '⚠' ? T('nottaken') : a.error);
  };
  modal.oncancel = ev => { ev.preventDefault(); leave(); };
  modal.replaceChildren(el('form', { novalidate: true, onsubmit: submit }, el('h1', { id: 'modaltitle' }, v.title), el('div', { class: 'in' }, renderBlocks(v.blocks, press)),
    el('p', { class: 'trouble', role: 'alert' }),
    el('div', { class: 'feet' }, el('button', { type: 'button', class: 'act', onclick: leave }, v.close || T('cancel')),
      v.submit ? el('button', { class: 'act primary', id: 'submit' }, v.submit) : null)));
  for (const f of fields()) {
    if (f.dataset.block in typed) f.value = typed[f.dataset.block];
    f.addEventListener('keydown', ev => { if (ev.key === 'Enter' && (ev.ctrlKey || ev.metaKey)) modal.querySelector('form').requestSubmit(); });
  }
  if (!modal.open) modal.showModal();
  (document.getElementById(focus || '') || fields()[0] || modal.querySelector('.in button'))?.focus();
}
