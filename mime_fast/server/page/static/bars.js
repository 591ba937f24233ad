// The emotions of a reply as labelled bars: a table, so that the numbers are read out, too.

const SHOWN = 3; // the likeliest emotions of a group

export function make(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

const percent = (share) => `${Math.round(100 * share)}%`;

function likeliest(shares) {
  return Object.entries(shares).sort(([, a], [, b]) => b - a).slice(0, SHOWN);
}

function row([name, share]) {
  const fill = make("i");
  fill.style.width = percent(share);
  const bar = make("div", { className: "bar" }, fill);
  bar.setAttribute("aria-hidden", "true"); // the number beside it says the same
  return make("tr", {}, make("th", { scope: "row" }, name), make("td", {}, bar),
    make("td", {}, percent(share)));
}

function table(caption, shares) {
  return make("table", {}, make("caption", {}, caption),
    make("tbody", {}, ...likeliest(shares).map(row)));
}

function summary(response) {
  const [[recognised, share]] = likeliest(response.emotions);
  const forced = response.emotion === recognised ? "" : `; answered as if you felt ${response.emotion}`;
  const { mimicked } = response.mixture;
  const group = mimicked ? ` The reply mimics ${mimicked} emotions.` : "";
  return `You seem to feel ${recognised} (${percent(share)})${forced}.${group}`;
}

// isOpen: whether the bars are shown at once, or after a click on their summary.
export function chart(response, isOpen) {
  const { mimicked } = response.mixture;
  const groups = ["positive", "negative"].filter((group) => Object.keys(response.mixture[group]).length);
  const heading = (group) => {
    if (!mimicked) return `In the reply: ${group}`;
    return group === mimicked ? `In the reply: ${group}, mimicked` : `In the reply: ${group}, as balance`;
  };
  const bars = [table("Recognised in your message", response.emotions),
    ...groups.map((group) => table(heading(group), response.mixture[group]))];
  return make("figure", {}, make("details", { open: isOpen },
    make("summary", {}, summary(response)), ...bars));
}
