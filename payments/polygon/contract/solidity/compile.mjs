// Compiles the contracts: node compile.mjs OUT TOKENS_OUT. The first folder gets
// the channel contract's artifacts, the second those of the tests' tokens.
import crypto from "node:crypto";
import fs from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import solc from "solc";

const here = path.dirname(fileURLToPath(import.meta.url));
const [out, tokensOut] = process.argv.slice(2).map((p) => path.resolve(p));
if (!out || !tokensOut) {
  console.error("usage: node compile.mjs OUT TOKENS_OUT");
  process.exit(2);
}

const tokens = fs.readdirSync(path.join(here, "tokens")).filter((f) => f.endsWith(".sol")).map((f) => `tokens/${f}`);
const read = (file) => ({ content: fs.readFileSync(file, "utf8") });
const input = {
  language: "Solidity",
  sources: Object.fromEntries(["InfernetChannels.sol", ...tokens].map((f) => [f, read(path.join(here, f))])),
  settings: {
    // Redeeming is what is done most: the optimiser is told so.
    optimizer: { enabled: true, runs: 1000000 },
    viaIR: true,
    evmVersion: "cancun",
    metadata: { bytecodeHash: "none", appendCBOR: false },
    outputSelection: { "*": { "*": ["abi", "evm.bytecode.object", "evm.deployedBytecode"] } },
  },
};
const result = JSON.parse(
  solc.compile(JSON.stringify(input), { import: (p) => ({ contents: read(path.join(here, "node_modules", p)).content }) }),
);
// 2394 reminds of transient storage's lifetime; OpenZeppelin's guard clears it.
const complaints = (result.errors ?? []).filter((e) => e.errorCode !== "2394");
for (const e of complaints) console.error(e.formattedMessage);
if (complaints.length > 0) process.exit(1);

// sources: the digests of what was compiled, by which a test sees that it is
// stale; abi: the interface; bin: what a deployment sends, before the constructor's
// arguments; runtime: what then lies on the chain, where immutables, at their
// offsets, are zero.
const digest = (file) => crypto.createHash("sha256").update(fs.readFileSync(path.join(here, file))).digest("hex");
const common = ["compile.mjs", "package-lock.json"];

for (const [file, contracts] of Object.entries(result.contracts)) {
  if (file !== "InfernetChannels.sol" && !tokens.includes(file)) continue;
  for (const [name, c] of Object.entries(contracts)) {
    if (c.evm.bytecode.object === "") continue;
    const deployed = c.evm.deployedBytecode;
    const immutables = Object.values(deployed.immutableReferences ?? {}).flat().sort((a, b) => a.start - b.start);
    const sources = Object.fromEntries([...common, file].map((f) => [f, digest(f)]));
    const artifact = { sources, abi: c.abi, bin: c.evm.bytecode.object, runtime: deployed.object, immutables };
    const dir = file === "InfernetChannels.sol" ? out : tokensOut;
    fs.mkdirSync(dir, { recursive: true });
    fs.writeFileSync(path.join(dir, `${name}.json`), JSON.stringify(artifact, null, 1) + "\n");
  }
}
