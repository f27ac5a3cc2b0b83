// The formatter: AssemblyScript's decorators on functions pass through it unharmed.
import assert from "node:assert/strict";
import { test } from "node:test";
import { formatted } from "../scripts/format.js";

test("a decorated function and import are formatted, and keep their decorators", async () => {
  const source =
    '// @ts-ignore: decorator\n@external("env", "f")\ndeclare function f(a:u32):u32;\n' +
    "class A {\n@inline get b():i32 { return 1 }\n}\n" +
    "// @ts-ignore: decorator\n@inline\nfunction g():void {f( 1 )}\n";
  const wanted =
    '// @ts-ignore: decorator\n@external("env", "f")\ndeclare function f(a: u32): u32;\n' +
    "class A {\n  @inline get b(): i32 {\n    return 1;\n  }\n}\n" +
    "// @ts-ignore: decorator\n@inline\nfunction g(): void {\n  f(1);\n}\n";
  assert.equal(await formatted("filter/a.ts", source), wanted);
  assert.equal(await formatted("filter/a.ts", wanted), wanted);
});

test("a TypeScript file is prettier's alone", async () => {
  assert.equal(await formatted("lab/a.ts", "const a = '1'"), 'const a = "1";\n');
});
