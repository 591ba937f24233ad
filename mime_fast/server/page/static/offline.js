// A service worker: the page opens, and the conversation can be read, when the server is down.

const CACHE = "mime:page";
const FILES = ["./", "chat.css", "icon.svg", "chat.js", "view.js", "bars.js", "talk.js", "history.js",
  "options.js"];

self.addEventListener("install", (event) => {
  event.waitUntil(caches.open(CACHE).then((cache) => cache.addAll(FILES)));
  self.skipWaiting();
});

self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

const isOurs = (request) => request.method === "GET"
  && FILES.some((file) => new URL(file, self.registration.scope).href === request.url);

async function freshOrKept(request) {
  const cache = await caches.open(CACHE);
  try {
    const response = await fetch(request);
    if (response.ok) await cache.put(request, response.clone());
    return response;
  } catch (error) {
    const kept = await cache.match(request);
    if (kept) return kept;
    throw error;
  }
}

self.addEventListener("fetch", (event) => {
  if (isOurs(event.request)) event.respondWith(freshOrKept(event.request));
});
