// A reporter for `node --test` that writes one JSON line for each test (not for each describe).
import type { TestEvent } from "node:test/reporters";

export default async function* report(source: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  for await (const event of source) {
    if (event.type !== "test:pass" && event.type !== "test:fail") continue;
    const { name, file, details, skip, todo } = event.data;
    const failed = event.type === "test:fail";
    // A describe that fails because of its tests is told by them; one whose hook fails is not.
    const isSuite = details.type === "suite";
    if (isSuite && !(failed && isOwnFailure(details))) continue;
    // A file without any test passes as a test with the file's name. It tested nothing.
    const isEmptyFile = file === undefined || name === file || file.endsWith(`/${name}`);
    const isSkipped = isSet(skip) || isSet(todo);
    const outcome = failed || isEmptyFile ? "failed" : isSkipped ? "skipped" : "passed";
    yield `${JSON.stringify({ outcome, name, file })}\n`;
  }
}

function isSet(mark: string | boolean | undefined): boolean {
  return mark !== undefined && mark !== false;
}

function isOwnFailure(details: object): boolean {
  const error = "error" in details ? (details.error as { failureType?: string }) : undefined;
  return error?.failureType !== "subtestsFailed";
}
