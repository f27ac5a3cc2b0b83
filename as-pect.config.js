// Runs the AssemblyScript specs under tests/unit, one wasm module a spec: `npx asp --verbose`.
import { FakeHost } from "./tests/unit/fake-host.js";

export default {
  entries: ["tests/unit/**/*.spec.ts"],
  include: ["tests/unit/**/*.include.ts"],
  disclude: [/node_modules/],
  outputBinary: false,
  async instantiate(memory, createImports, instantiate, binary) {
    const host = new FakeHost();
    const module = await instantiate(binary, createImports({ env: { memory } }, host.imports()));
    // The module's own memory, which exists only now; nothing of it runs before this.
    host.attach(module.exports.memory);
    return module;
  },
};
