// The page: what happens on a click or a key.

import { build, chosen, forget } from "./options.js";
import { download, load, save, turns } from "./history.js";
import { describe, isReady, Refused, reply, useKey } from "./talk.js";
import { show } from "./view.js";

const POLL = 2000; // ms between looks whether the server is back
const AT_END = 40; // pixels: so near the end, the reader follows
const $ = (id) => document.getElementById(id);

let exchanges = load();
let described = {};
let running = null; // the AbortController of the reply that is being made
let edited = null; // the place of the message that is being edited
const scroller = document.querySelector("main");
const touches = matchMedia("(pointer: coarse)");

function say(message) {
  $("alert").textContent = message;
  $("alert").hidden = !message;
}

// Somebody who scrolled up is not moved.
function following(change) {
  const follows = scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < AT_END;
  change();
  if (follows) scroller.scrollTop = scroller.scrollHeight;
}

const emotions = () => (described.emotion?.enum ?? []).filter(Boolean);

function item(place) {
  const last = place === exchanges.length - 1;
  const actions = {
    edit: () => edit(place),
    retry: () => again(place, { seed: Math.floor(Math.random() * 2 ** 32) }),
    force: (emotion) => again(place, { emotion, seed: exchanges[place].response?.seed }),
  };
  const busy = last && running !== null;
  return show(exchanges[place], { emotions: emotions(), actions, isLast: last, busy });
}

function showAll() {
  following(() => $("log").replaceChildren(...exchanges.map((_, place) => item(place))));
  showControls();
}

function showControls() {
  $("welcome").hidden = exchanges.length > 0;
  $("send").hidden = running !== null;
  $("stop").hidden = running === null;
  $("export").disabled = $("clear").disabled = !exchanges.length || running !== null;
}

async function answer(message, changes = {}) {
  say("");
  running = new AbortController();
  const earlier = exchanges;
  const exchange = { message, text: "", response: null, milliseconds: 0, forced: changes.emotion };
  exchanges = [...earlier, exchange];
  showAll();
  const text = $("log").lastElementChild.querySelector(".reply .text");
  const started = performance.now();
  const options = { ...chosen($("options"), described), ...changes };
  if (!options.emotion) delete options.emotion;
  if (options.seed === undefined) delete options.seed;
  try {
    exchange.response = await reply(turns(earlier, message), options, running.signal, (piece) =>
      following(() => text.append(piece)));
  } catch (error) {
    exchange.note = failed(error);
  }
  exchange.text = exchange.response?.text ?? text.textContent;
  exchange.milliseconds = performance.now() - started;
  running = null;
  if (!save(exchanges)) say("This browser keeps nothing: the conversation is lost with the page.");
  showAll();
}

function failed(error) {
  if (error.name === "AbortError") return "Stopped.";
  if (error instanceof Refused) {
    if (error.status === 401) askKey();
    say(error.message);
    return `No reply: ${error.message}`;
  }
  say("The server does not answer. Your conversation is kept in this browser.");
  watch();
  return "No reply: the server does not answer.";
}

function askKey() {
  $("unlock").hidden = false;
  $("key").focus();
}

function again(place, changes) {
  if (running) return;
  const { message } = exchanges[place];
  exchanges = exchanges.slice(0, place);
  answer(message, changes);
}

function edit(place) {
  if (running) return;
  edited = place;
  $("message").value = exchanges[place].message;
  $("message").focus();
  say("Send the changed message: the conversation goes on from there. Escape leaves it as it was.");
}

function submit() {
  const message = $("message").value.trim();
  if (!message || running) return;
  if (edited !== null) exchanges = exchanges.slice(0, edited);
  edited = null;
  $("message").value = "";
  answer(message);
}

function leave() {
  if (running) running.abort();
  else if (edited !== null) {
    edited = null;
    $("message").value = "";
    say("");
  }
}

let watching = 0;
async function watch() {
  clearTimeout(watching);
  const ready = await isReady();
  $("status").textContent = ready ? "" : "The server is not ready.";
  if (!ready) watching = setTimeout(watch, POLL);
  else if (!Object.keys(described).length) await readOptions();
}

async function readOptions() {
  try {
    described = await describe();
    build($("options"), described);
    if (!running) showAll();
  } catch {
    watching = setTimeout(watch, POLL);
  }
}

$("composer").addEventListener("submit", (event) => {
  event.preventDefault();
  submit();
});
$("message").addEventListener("keydown", (event) => {
  const sends = event.key === "Enter" && !event.shiftKey && !event.isComposing && !touches.matches;
  if (!sends) return;
  event.preventDefault();
  submit();
});
$("unlock").addEventListener("submit", (event) => {
  event.preventDefault();
  useKey($("key").value);
  $("key").value = "";
  $("unlock").hidden = true;
  again(exchanges.length - 1, {});
});
$("stop").addEventListener("click", leave);
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") leave();
});
$("export").addEventListener("click", () => download(exchanges));
$("clear").addEventListener("click", () => {
  exchanges = [];
  save(exchanges);
  showAll();
  $("message").focus();
});
$("defaults").addEventListener("click", () => forget($("options"), described));
$("options").addEventListener("submit", (event) => event.preventDefault());
window.addEventListener("offline", watch);

navigator.serviceWorker?.register("offline.js").catch(() => {}); // without it, the page needs the server
showAll();
scroller.scrollTop = scroller.scrollHeight;
watch();
