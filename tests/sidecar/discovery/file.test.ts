// Pods from a file: the ways in which files change, and content that is no list.
import assert from "node:assert/strict";
import { mkdir, rename, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { parsePodFile, watchPodFile } from "../../../sidecar-metrics/src/discovery/file.js";
import { temporaryFolder, until } from "../support/support.js";

const DEFAULTS = { scheme: "http", metricsPath: "/metrics" } as const;

/** Follows the file at `path`; what it last gave, and every list so far. */
function follow(test: TestContext, path: string) {
  const seen = { lists: [] as string[], problem: null as string | null };
  const discovery = watchPodFile(path, DEFAULTS, {
    list: ({ pods }) => seen.lists.push(pods.map(({ address }) => address).join(" ")),
    problem: (text) => (seen.problem = text),
  });
  test.after(() => discovery.stop());
  return {
    seen,
    shows: (list: string) => until(list, () => seen.lists.at(-1) === list && seen.problem === null),
    complains: (about: RegExp) => until(`${about}`, () => about.test(seen.problem ?? "")),
  };
}

test("a rename over the file, a rewrite in place, and the file coming late", async (t) => {
  const folder = await temporaryFolder(t);
  const path = join(folder, "pods.yaml");
  const { complains, shows } = follow(t, path);
  await complains(/there is no such file/);
  await writeFile(path, "- 10.0.0.1:80\n");
  await shows("10.0.0.1:80");
  await writeFile(join(folder, "new"), "- 10.0.0.2:80\n");
  await rename(join(folder, "new"), path);
  await shows("10.0.0.2:80");
  await writeFile(path, '["10.0.0.3:80", "10.0.0.4:80"]');
  await shows("10.0.0.3:80 10.0.0.4:80");
});

test("the swap of symlinks by which a ConfigMap changes", async (t) => {
  const folder = await temporaryFolder(t);
  const version = async (name: string, content: string): Promise<void> => {
    await mkdir(join(folder, name));
    await writeFile(join(folder, name, "pods.yaml"), content);
    await symlink(name, join(folder, "..data_tmp"));
    await rename(join(folder, "..data_tmp"), join(folder, "..data"));
  };
  await version("..1", "- 10.0.0.1:80\n");
  await symlink("..data/pods.yaml", join(folder, "pods.yaml"));
  const { shows } = follow(t, join(folder, "pods.yaml"));
  await shows("10.0.0.1:80");
  await version("..2", "- 10.0.0.2:80\n");
  await rm(join(folder, "..1"), { recursive: true });
  await shows("10.0.0.2:80");
});

test("bad content and a file that vanishes keep the last list and are told", async (t) => {
  const path = join(await temporaryFolder(t), "pods.yaml");
  await writeFile(path, "- 10.0.0.1:80\n");
  const { seen, shows, complains } = follow(t, path);
  await shows("10.0.0.1:80");
  await writeFile(path, "- 10.0.0.1:80\n- nonsense\n");
  await complains(/pods.yaml:2: \[1\]\.address: "nonsense" is not allowed/);
  await rm(path);
  await complains(/no such file/);
  await writeFile(path, "");
  await complains(/empty; write \[\] for no pods/);
  assert.deepEqual(seen.lists, ["10.0.0.1:80"]);
  await writeFile(path, "[]");
  await shows("");
});

test("an object with pods, their settings and the strategy", () => {
  const list = parsePodFile(
    "pods.json",
    '{"routingStrategy": "DEFAULT", "pods": [{"address": "10.0.0.1:80", "draining": true}]}',
    { scheme: "https", metricsPath: "/m", metricsPort: 9_400 },
  );
  assert.deepEqual(list, {
    strategy: "DEFAULT",
    pods: [
      {
        address: "10.0.0.1:80",
        scheme: "https",
        metricsPath: "/m",
        metricsPort: 9_400,
        isDraining: true,
        uid: null,
        podName: null,
      },
    ],
  });
});

const BAD: [string, string, RegExp][] = [
  ["a text", "just words", /pods.yaml:1: "just words" is not allowed; it must be a list of pods/],
  ["an unknown strategy", "pods: []\nroutingStrategy: FAST", /:2: routingStrategy: "FAST"/],
  [
    "an unknown key",
    "- {address: '10.0.0.1:80', prot: 1}",
    /:1: \[0\]\.prot: there is no such key/,
  ],
  ["an address twice", "- 10.0.0.1:80\n- 10.0.0.1:80", /:2: \[1\]: .*listed once/],
  ["broken YAML", "- [", /pods.yaml:\d+: /],
  [
    "an alias of nothing",
    "a: &a [x]\nb: &b [*a,*a]\npods: *c",
    /^pods\.yaml: Unresolved alias .*: c$/,
  ],
];

for (const [name, text, message] of BAD) {
  test(`refused: ${name}`, () => {
    assert.throws(() => parsePodFile("pods.yaml", text, DEFAULTS), { message });
  });
}
