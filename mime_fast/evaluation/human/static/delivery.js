// Requests that are repeated until the server answers; votes wait in the browser meanwhile.

const PREFIX = "annotate:"; // of what this page keeps in the browser
const RETRY = 1_000; // ms
const PATIENCE = 10_000; // ms until an answer is given up

const sleep = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });
const unsaved = new Map(); // where a browser keeps nothing, votes wait in this page at least

export function remember(key, value) {
  unsaved.set(key, value);
  try {
    localStorage.setItem(PREFIX + key, JSON.stringify(value));
  } catch {
    // A full or forbidden storage: reloading the page would lose it.
  }
}

export function recall(key) {
  try {
    return JSON.parse(localStorage.getItem(PREFIX + key)) ?? unsaved.get(key) ?? null;
  } catch {
    return unsaved.get(key) ?? null;
  }
}

export function forget(key) {
  unsaved.delete(key);
  try {
    localStorage.removeItem(PREFIX + key);
  } catch {
    // Nothing was kept.
  }
}

// Whose tab this is: another tab may be another person's. A new one begins with the last person.
let annotator = null;

export function signIn(name) {
  annotator = name;
  remember("annotator", name);
  try {
    sessionStorage.setItem(PREFIX + "annotator", name);
  } catch {
    // Reloaded, the tab takes the last person's name.
  }
}

export function signedIn() {
  try {
    annotator ??= sessionStorage.getItem(PREFIX + "annotator");
  } catch {
    // As above.
  }
  if (annotator === null && recall("annotator")) signIn(recall("annotator"));
  return annotator;
}

export function signOut() {
  annotator = null;
  forget("annotator");
  try {
    sessionStorage.removeItem(PREFIX + "annotator");
  } catch {
    // Nothing was kept.
  }
}

// Ask until our server answers, with anything but a failure of its own.
export async function ask(path, say, options = {}) {
  for (let failed = false; ; failed = true) {
    try {
      const response = await fetch(path, { ...options, signal: AbortSignal.timeout(PATIENCE) });
      if (!response.headers.has("Annotate")) throw new Error("another program answers");
      const body = await response.json();
      if (response.status < 500) {
        if (failed) say("");
        return { ok: response.ok, body };
      }
      say(`${body.error}. Your answer is kept here, and sent again.`);
    } catch {
      say("The server does not answer. Your answers are safe; this page goes on when it is back.");
    }
    await sleep(RETRY);
  }
}

const voteKey = (vote) =>
  `vote:${vote.evaluation}:${vote.annotator}:${vote.item}:${vote.revision}`;

// Send a vote until it is stored; it stays in the browser until then. True: go on.
export async function deliver(vote, say) {
  const key = voteKey(vote);
  remember(key, vote);
  const { ok, body } = await ask("api/votes", say, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(vote),
  });
  if (body.reason === "evaluation") {
    say(`${body.error}. It is kept in this browser; load the page again.`);
    return false;
  }
  if (!ok) {
    remember(`refused:${key}`, vote); // a refused vote is not thrown away either
    say(body.error);
  }
  forget(key);
  return ok || body.reason === "duplicate";
}

// The votes of an evaluation that are not known to be stored.
export function outbox(evaluation) {
  try {
    return Object.keys(localStorage)
      .filter((key) => key.startsWith(`${PREFIX}vote:${evaluation}:`))
      .map((key) => JSON.parse(localStorage.getItem(key)));
  } catch {
    return [];
  }
}
