// Uses a server with OpenAI's client for JavaScript; prints what it got, as JSON.

import OpenAI from "openai";

const [baseURL, message] = process.argv.slice(2);
const client = new OpenAI({ baseURL, apiKey: "none", maxRetries: 0 });
const messages = [
  { role: "system", content: "You are a pirate." },
  { role: "user", content: [{ type: "text", text: message }] },
];
const model = "mime";
const found = {};

found.models = (await client.models.list()).data.map(({ id }) => id);
const whole = await client.chat.completions.create({ model, messages, seed: 1, logprobs: true });
found.text = whole.choices[0].message.content;
found.emotion = whole.mime.emotion;
found.tokens = whole.choices[0].logprobs.content.length;

const chunks = [];
const stream = await client.chat.completions.create({
  model, messages, seed: 1, stream: true, stream_options: { include_usage: true },
});
for await (const chunk of stream) chunks.push(chunk);
found.streamed = chunks.flatMap(({ choices }) => choices).map(({ delta }) => delta.content ?? "").join("");
found.usage = chunks.at(-1).usage.completion_tokens;

const several = await client.chat.completions.create({ model, messages, n: 3, seed: 1, temperature: 1 });
found.several = several.choices.map((choice) => choice.message.content);
found.completion = (await client.completions.create({ model, prompt: message, seed: 1 })).choices[0].text;

found.response = (await client.responses.create({ model, input: message, seed: 1 })).output_text;
found.events = [];
for await (const event of await client.responses.create({ model, input: message, stream: true })) {
  found.events.push(event.type);
}
found.helper = await client.chat.completions.stream({ model, messages, seed: 1 }).finalContent();

async function kind(call) {
  try {
    await call();
    return null;
  } catch (error) {
    return { name: error.constructor.name, status: error.status, param: error.param };
  }
}
found.wrong = await kind(() => client.chat.completions.create({ model, messages, temperature: 300 }));
found.missing = await kind(() => client.models.retrieve("other"));
console.log(JSON.stringify(found));
