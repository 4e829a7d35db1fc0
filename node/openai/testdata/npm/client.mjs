// Runs the ordinary calls of the official client against the address and key in
// the environment, and prints one line of JSON for each, without the key.
import OpenAI, { APIError, toFile } from "openai";

const client = new OpenAI({ maxRetries: 0 });
const out = (name, value) => console.log(JSON.stringify({ name, value }));
const messages = (content) => [{ role: "user", content }];

const chat = await client.chat.completions
  .create({ model: "echo", messages: messages("one two three"), seed: 7, max_tokens: 2, logprobs: true, top_logprobs: 1 })
  .withResponse();
out("chat", {
  text: chat.data.choices[0].message.content,
  finish: chat.data.choices[0].finish_reason,
  usage: chat.data.usage.total_tokens,
  logprobs: chat.data.choices[0].logprobs.content.length,
  verified: chat.response.headers.get("x-infernet-verified"),
});

let text = "";
let usage = null;
for await (const chunk of await client.chat.completions.create({
  model: "echo", messages: messages("a b STOP c"), stop: ["STOP"], stream: true, stream_options: { include_usage: true },
})) {
  text += chunk.choices[0]?.delta?.content ?? "";
  usage = chunk.usage ?? usage;
}
out("stream", { text, usage: usage.completion_tokens });

const helper = client.chat.completions.stream({ model: "echo", messages: messages("by the helper") });
out("helper", await helper.finalContent());

const schema = await client.chat.completions.create({
  model: "echo", messages: messages("x"),
  response_format: { type: "json_schema", json_schema: { name: "person", strict: true, schema: { type: "object" } } },
});
out("schema", JSON.parse(schema.choices[0].message.content));

const completion = await client.completions.create({ model: "echo", prompt: "a b" });
out("completion", completion.choices[0].text);

const vectors = await client.embeddings.create({ model: "echo", input: ["a bb", "c"] });
out("embeddings", vectors.data.map((d) => Array.from(d.embedding)));

const names = [];
for await (const m of client.models.list()) names.push(m.id);
out("models", names);
out("model", (await client.models.retrieve("org/echo")).id);

const failure = async (name, call) => {
  try {
    await call();
    out(name, "no error");
  } catch (e) {
    out(name, e instanceof APIError ? { kind: e.constructor.name, status: e.status, code: e.code } : String(e));
  }
};
await failure("no model", () => client.chat.completions.create({ model: "nothing", messages: messages("x") }));
await failure("busy", () => client.chat.completions.create({ model: "full", messages: messages("x") }));
await failure("wrong key", () => new OpenAI({ apiKey: "sk-wrong", maxRetries: 0 }).models.list());
await failure("bad request", () => client.chat.completions.create({ model: "echo", messages: messages("x"), temperature: 3 }));
await failure("cut", async () => {
  for await (const _ of await client.chat.completions.create({ model: "failing", messages: messages("a b c"), stream: true }));
});

const endless = await client.chat.completions.create({ model: "endless", messages: messages("on "), stream: true });
for await (const _ of endless) break; // leaving the loop aborts the request
out("cancelled", true);

const many = await Promise.all(
  Array.from({ length: 50 }, async (_, i) => {
    const r = await client.chat.completions.create({ model: "echo", messages: messages("n " + i) });
    return r.choices[0].message.content === "n " + i;
  }),
);
out("fifty", many.every(Boolean));

const line = (i) =>
  JSON.stringify({ custom_id: "q" + i, method: "POST", url: "/v1/chat/completions", body: { model: "echo", messages: messages("n " + i), temperature: 1 } });
const file = await client.files.create({ file: await toFile(Buffer.from([1, 2, 3].map(line).join("\n")), "in.jsonl"), purpose: "batch" });
let batch = await client.batches.create({ input_file_id: file.id, endpoint: "/v1/chat/completions", completion_window: "24h" });
while (!["completed", "failed", "cancelled", "expired"].includes(batch.status)) {
  await new Promise((done) => setTimeout(done, 20));
  batch = await client.batches.retrieve(batch.id);
}
const content = await (await client.files.content(batch.output_file_id)).text();
out("batch", { status: batch.status, counts: batch.request_counts, ids: content.trim().split("\n").map((l) => JSON.parse(l).custom_id).sort() });
out("deleted", (await client.files.delete(file.id)).deleted);
