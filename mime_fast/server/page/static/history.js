// The conversation, kept in this browser alone.

const PLACE = "mime:conversation";
let unsaved = null; // where a browser keeps nothing, the page remembers at least

// An exchange: { message, text, response, milliseconds, note }; response: null until it is complete.
export function load() {
  try {
    const kept = JSON.parse(localStorage.getItem(PLACE));
    if (Array.isArray(kept?.exchanges)) return kept.exchanges;
  } catch {
    // A forbidden storage, or one that another program wrote to.
  }
  return unsaved ?? [];
}

export function save(exchanges) {
  unsaved = exchanges;
  try {
    localStorage.setItem(PLACE, JSON.stringify({ version: 1, exchanges }));
    return true;
  } catch {
    return false; // full or forbidden
  }
}

// What the model reads: the turns that were answered, and the newest message.
export function turns(exchanges, message) {
  const answered = exchanges.filter(({ response, text }) => response && text.trim());
  return [...answered.flatMap((each) => [each.message, each.text]), message];
}

export function download(exchanges) {
  const content = JSON.stringify({ version: 1, exchanges }, null, 2);
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([content], { type: "application/json" }));
  link.download = "conversation.json";
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}
