// The page: asks the server for one item at a time, and repeats a vote until it is stored.

import {
  ask, deliver, forget, outbox, recall, remember, signedIn, signIn, signOut,
} from "./delivery.js";

const SCALES = [
  ["empathy", "Empathy: does the reply show that it understands how the speaker feels?",
    "It may comfort, share the joy, or ask about what matters to the speaker."],
  ["relevance", "Relevance: does the reply fit this conversation?",
    "It stays on the topic, and follows from what was said."],
  ["fluency", "Fluency: is the reply correct English, easy to understand?",
    "Judge the language alone, not what it says."],
];
const MARKS = ["not at all", "", "partly", "", "very much"];
const SIDES = [
  ["left", "Reply A", "←"],
  ["right", "Reply B", "→"],
  ["tie", "A tie: equally good, or equally bad", "T"],
];
const KEYS = {
  rating: "Keys: 1 to 5, Enter, Backspace",
  pair: "Keys: ← → T, Enter, Backspace",
};
const POLL = 10_000; // ms between looks whether another annotator left an item

const $ = (id) => document.getElementById(id);
let page = null; // the server's last answer: progress, and perhaps an item
let busy = false; // a request is on its way: nothing may be answered meanwhile
let timer = 0;

const isPair = () => page.item.replies.length === 2;
const draftKey = () => `draft:${page.evaluation}:${page.annotator}:${page.item.item}:${page.item.revision}`;

function make(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

function say(message) {
  $("alert").textContent = message;
  $("alert").hidden = !message;
}

// ---- Showing

function show(section) {
  for (const id of ["start", "question", "done"]) $(id).hidden = id !== section;
  $("bar").hidden = section === "start";
  if (section === "start") return;
  const all = page.done + page.remaining;
  Object.assign($("progress"), { value: page.done, max: Math.max(all, 1) });
  $("count").textContent = `${page.done} of ${all} answered`;
  $("who").textContent = page.annotator;
}

function showItem() {
  $("title").textContent = isPair() ? "Compare two replies" : "Rate the last reply";
  const turns = page.item.context.map((text, turn) =>
    bubble(turn % 2 ? "listener" : "speaker", turn % 2 ? "Listener" : "Speaker", text));
  if (!isPair()) turns.push(bubble("listener judged", "Reply to rate", page.item.replies[0]));
  $("context").replaceChildren(...turns);
  $("fields").replaceChildren(...(isPair() ? [pairField()] : SCALES.map(scaleField)));
  $("keys").textContent = KEYS[isPair() ? "pair" : "rating"];
  $("back").disabled = page.item.previous === null;
  fill(recall(draftKey()) ?? page.item.answer);
  show("question");
  activate(0);
  $("title").focus({ preventScroll: true });
  window.scrollTo(0, 0);
}

function bubble(kind, name, text) {
  return make("li", { className: kind }, make("span", { className: "name" }, name),
    make("p", { className: text ? "bubble" : "bubble missing" }, text || "(no words)"));
}

function scaleField([name, question, hint]) {
  const marks = MARKS.map((word, index) => make("label", { className: "mark" },
    make("input", { type: "radio", name, value: index + 1 }), String(index + 1),
    make("small", {}, word)));
  return make("fieldset", { tabIndex: -1 }, make("legend", {}, question),
    make("p", { className: "hint" }, hint), make("div", { className: "marks" }, ...marks));
}

function pairField() {
  const cards = SIDES.map(([value, name, key], index) => {
    const text = index < 2 ? page.item.replies[index] || "(no words)" : "";
    return make("label", { className: index < 2 ? "reply" : "tie" },
      make("input", { type: "radio", name: "choice", value }),
      make("b", {}, name, make("kbd", {}, ` ${key}`)), text);
  });
  return make("fieldset", { tabIndex: -1 },
    make("legend", {}, "If you were the speaker, which reply would you rather receive?"),
    make("div", { className: "pair" }, ...cards));
}

function showDone() {
  const waiting = page.remaining > 0;
  $("done-title").textContent = waiting ? "Nothing for you at this moment" : "All done. Thank you!";
  $("done-text").textContent = waiting
    ? "Others are answering the last items. This page goes on by itself if one is left for you."
    : "You have answered everything that needs your answer. You may close this page.";
  $("done-back").hidden = page.previous === null;
  const isNew = $("done").hidden; // a look every ten seconds takes nobody's focus
  show("done");
  if (isNew) $("done-title").focus();
  if (waiting) timer = setTimeout(next, POLL);
}

// ---- Answers

function fill(answer) {
  const values = typeof answer === "string" ? { choice: answer } : answer ?? {};
  for (const [name, value] of Object.entries(values)) {
    const input = $("answer").querySelector(`input[name="${name}"][value="${value}"]`);
    if (input) input.checked = true;
  }
}

function given() {
  const data = new FormData($("answer"));
  if (isPair()) return data.get("choice");
  return Object.fromEntries(SCALES.map(([name]) => [name, Number(data.get(name)) || null]));
}

const isComplete = (answer) => Boolean(answer) && !Object.values(answer).includes(null);
const fields = () => [...$("fields").children];

function activate(index) {
  fields().forEach((field, at) => field.classList.toggle("active", !isPair() && at === index));
}

function complain() {
  const missing = fields().find((field) => !field.querySelector(":checked"));
  say(isPair() ? "Choose a reply, or a tie, first." : "Rate all three first.");
  missing.focus();
}

// ---- Moving

async function whileBusy(work) {
  if (busy) return;
  clearTimeout(timer);
  busy = $("answer").inert = true;
  try {
    await work();
  } finally {
    busy = $("answer").inert = false;
  }
  if (page?.item && !$("question").hidden) $("title").focus({ preventScroll: true });
}

async function load(path) {
  const { ok, body } = await ask(`${path}?annotator=${encodeURIComponent(signedIn())}`, say);
  if (!ok) {
    say(body.error);
    if (body.reason === "value") askName();
    return;
  }
  if (page && body.evaluation !== page.evaluation) location.reload();
  page = body;
  page.item ? showItem() : showDone();
}

const next = () => whileBusy(() => load("api/next"));
const goTo = (place) => whileBusy(() => { say(""); return load(`api/items/${place}`); });

function back() {
  const place = page?.item ? page.item.previous : page?.previous;
  if (place !== null && place !== undefined) goTo(place);
}

async function submit() {
  const { item, evaluation, annotator } = page;
  const answer = given();
  if (!isComplete(answer)) return complain();
  await whileBusy(async () => {
    say("");
    if (JSON.stringify(answer) !== JSON.stringify(item.answer)) {
      const vote = { evaluation, annotator, item: item.item, revision: item.revision, answer };
      if (!await deliver(vote, say)) return;
    }
    forget(draftKey());
    await load(item.following === null ? "api/next" : `api/items/${item.following}`);
  });
}

async function begin() {
  const { body } = await ask("api/evaluation", say);
  for (const vote of outbox(body.evaluation)) await deliver(vote, say);
  signedIn() ? next() : askName();
}

function askName() {
  show("start");
  $("name").select();
}

// ---- Events

$("enter").addEventListener("submit", (event) => {
  event.preventDefault();
  say("");
  signIn($("name").value);
  next();
});
$("leave").addEventListener("click", () => {
  if (busy) return;
  clearTimeout(timer);
  signOut();
  askName();
});
$("back").addEventListener("click", back);
$("done-back").addEventListener("click", back);
$("answer").addEventListener("submit", (event) => {
  event.preventDefault();
  if (!busy) submit();
});
$("answer").addEventListener("change", () => {
  say("");
  remember(draftKey(), given());
});
$("answer").addEventListener("focusin", (event) => {
  const field = event.target.closest("fieldset");
  if (field) activate(fields().indexOf(field));
});

function rate(mark) {
  const at = Math.max(0, fields().findIndex((field) => field.classList.contains("active")));
  fields()[at].querySelector(`[value="${mark}"]`).click();
  (fields()[at + 1] ?? $("submit")).focus(); // a field, not its 1: nothing is suggested
}

function choose(side) {
  const input = $("fields").querySelector(`[value="${side}"]`);
  input.click();
  input.focus();
}

const pairKeys = { ArrowLeft: "left", ArrowRight: "right", t: "tie", T: "tie" };

document.addEventListener("keydown", (event) => {
  if (busy || event.repeat || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.matches("input[name=name]") || !$("start").hidden) return;
  if (event.key === "Backspace") back();
  else if ($("question").hidden) return;
  else if (event.key === "Enter" && !event.target.closest("button")) submit();
  else if (isPair() && event.key in pairKeys) choose(pairKeys[event.key]);
  else if (!isPair() && "12345".includes(event.key)) rate(event.key);
  else return;
  event.preventDefault();
});

begin();
