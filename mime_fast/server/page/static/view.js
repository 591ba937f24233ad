// What is shown of an exchange: the message, the reply, its emotions, and what can be done with it.

import { chart, make } from "./bars.js";

const button = (text, onclick) =>
  make("button", { type: "button", className: "quiet", onclick }, text);

function notes(exchange) {
  const { response, milliseconds, note } = exchange;
  const found = [];
  if (response?.crisis) {
    const about = response.crisis.about === "self" ? "" : ", about somebody else";
    const kind = response.crisis.category.replaceAll("_", " ");
    const fixed = response.finish_reason === "crisis"
      ? "This is a fixed text. It was not written for you by the model, and nobody was told."
      : "Nobody was told.";
    const text = `A sign of a crisis was found (${kind}${about}). ${fixed}`;
    found.push(make("p", { className: "note crisis" }, text));
  }
  if (response && 2 * response.unknown_words >= response.words && response.unknown_words) {
    found.push(make("p", { className: "note" },
      `${response.unknown_words} of ${response.words} words are unknown to the model: the reply may not fit.`));
  }
  if (response) {
    const model = response.timings.encode_ms + response.timings.decode_ms;
    found.push(make("p", { className: "note" },
      `${response.timings.tokens} tokens; ${model.toFixed(1)} ms in the model, ` +
      `${Math.round(milliseconds)} ms in all; seed ${response.seed}`));
  }
  if (note) found.push(make("p", { className: "note" }, note));
  return found;
}

function menu(exchange, emotions, onForce) {
  const forced = exchange.forced ?? "";
  const options = ["", ...emotions].map((name) =>
    make("option", { value: name, selected: name === forced }, name || "as recognised"));
  const select = make("select", { onchange: () => onForce(select.value) }, ...options);
  return make("label", {}, "Answer as if I felt ", select);
}

// actions: { edit, retry, force }; isLast: only the newest reply can be made again.
export function show(exchange, { emotions, actions, isLast, busy }) {
  const own = make("div", { className: "own" }, make("span", { className: "name" }, "You"),
    make("p", { className: "text" }, exchange.message));
  const reply = make("div", { className: "reply" }, make("span", { className: "name" }, "MIME"),
    make("p", { className: "text" }, exchange.text));
  reply.setAttribute("aria-busy", String(Boolean(busy)));
  const left = make("div", {}, own, reply, ...notes(exchange));
  if (!busy) {
    const tools = make("div", { className: "tools" }, button("Edit", actions.edit));
    if (isLast) tools.append(button("Another reply", actions.retry));
    if (isLast && emotions.length) tools.append(menu(exchange, emotions, actions.force));
    left.append(tools);
  }
  const side = exchange.response ? [chart(exchange.response, isLast)] : [];
  return make("li", {}, make("div", { className: "exchange" }, left, ...side));
}
