// Asks the server for a reply, and reads it as it comes.

const KEY = "mime:key"; // of this tab: a key is not left behind in the browser

export class Refused extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

export function useKey(key) {
  sessionStorage.setItem(KEY, key);
}

function headers() {
  const key = sessionStorage.getItem(KEY);
  const authorization = key ? { Authorization: `Bearer ${key}` } : {};
  return { "Content-Type": "application/json", ...authorization };
}

async function refusal(response) {
  const body = await response.json().catch(() => null);
  return new Refused(response.status, body?.error?.message ?? `the server answered ${response.status}`);
}

// The texts of server-sent events, whatever pieces the network makes of them.
async function* events(stream) {
  let rest = "";
  for await (const piece of pieces(stream.pipeThrough(new TextDecoderStream()))) {
    const parts = (rest + piece).split("\n\n");
    rest = parts.pop();
    for (const part of parts) {
      const data = part.split("\n").find((line) => line.startsWith("data: "));
      if (data) yield JSON.parse(data.slice(6));
    }
  }
}

async function* pieces(stream) {
  const reader = stream.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield value;
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}

// Calls onText with each piece; the whole Response in the end. Refused: the server says why.
export async function reply(turns, options, signal, onText) {
  const response = await fetch("v1/mime/respond", {
    method: "POST",
    headers: headers(),
    body: JSON.stringify({ ...options, message: turns, stream: true }),
    signal,
  });
  if (!response.ok) throw await refusal(response);
  for await (const event of events(response.body)) {
    if (event.error) throw new Refused(500, event.error.message);
    onText(event.text);
    if (event.final) return event.response;
  }
  throw new Refused(500, "the reply broke off");
}

export async function isReady() {
  try {
    return (await fetch("ready", { cache: "no-store", signal: AbortSignal.timeout(5000) })).ok;
  } catch {
    return false;
  }
}

export async function describe() {
  const document = await (await fetch("openapi.json")).json();
  return document.components.schemas.RespondRequest.properties;
}
