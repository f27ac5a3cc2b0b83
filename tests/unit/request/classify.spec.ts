// Which requests are held for their body, one line a case.
import {
  asksForModels,
  encodedKind,
  hasLength,
  hasObjective,
  kindToHold,
  namesDestination,
  namesModel,
  objectiveAt,
  objectiveSize,
  requestQuery,
  startsWithIgnoringCase,
  targetMs,
} from "../../../filter/request/classify";
import { HeaderMap } from "../../../filter/host/calls";
import { RequestKind } from "../../../filter/request/prompt-parser";
import { utf8 } from "../../../filter/host/bytes";
import { clearHost, setRequestHeader } from "../fake-host";

const headers = requestQuery(utf8("x-to"), utf8("x-model"), utf8("x-objective"), utf8("x-target"));
const JSON_TYPE = "application/json";
const CHAT = "/v1/chat/completions";

/** The kind of the request that the fake host has. */
function held(): u32 {
  headers.read(HeaderMap.Request);
  return kindToHold(headers);
}

function kind(method: string, path: string, contentType: string = JSON_TYPE): u32 {
  clearHost();
  setRequestHeader(":method", method);
  setRequestHeader(":path", path);
  if (contentType.length > 0) setRequestHeader("content-type", contentType);
  return held();
}

/** A chat request with one header more. */
function kindWith(name: string, value: string): u32 {
  kind("POST", CHAT);
  setRequestHeader(name, value);
  return held();
}

function encoded(path: string, name: string, value: string): u32 {
  kind("POST", path);
  setRequestHeader(name, value);
  headers.read(HeaderMap.Request);
  return encodedKind(headers);
}

function isForList(method: string, path: string): bool {
  kind(method, path, "");
  return asksForModels(headers);
}

function isType(value: string, type: string): bool {
  const at = utf8(value);
  return startsWithIgnoringCase(at.at, at.size, utf8(type));
}

describe("a request is held", () => {
  test("by the path of its prompt", () => {
    expect(kind("POST", CHAT)).toBe(RequestKind.Chat);
    expect(kind("POST", "/v1/completions")).toBe(RequestKind.Completions);
    expect(kind("POST", "/v1/responses")).toBe(RequestKind.Responses);
    expect(kind("POST", "/v1/embeddings")).toBe(RequestKind.Embeddings);
    expect(kind("POST", "/v1/messages")).toBe(RequestKind.Messages);
    expect(kind("POST", "/generate")).toBe(RequestKind.Generate);
  });

  test("whatever its query", () => {
    expect(kind("POST", CHAT + "?")).toBe(RequestKind.Chat);
    expect(kind("POST", CHAT + "?api-version=1&x=/v1/completions")).toBe(RequestKind.Chat);
  });

  test("as JSON in any case, with or without parameters", () => {
    expect(kind("POST", CHAT, "application/json; charset=utf-8")).toBe(RequestKind.Chat);
    expect(kind("POST", CHAT, "Application/JSON;charset=utf-8")).toBe(RequestKind.Chat);
    expect(kind("POST", CHAT, "application/json \t; a=b")).toBe(RequestKind.Chat);
  });
});

describe("a request passes without its body being read", () => {
  test("with another method, or none", () => {
    const methods = ["GET", "PUT", "post", "POS", "POSTS", "CONNECT", "OPTIONS"];
    for (let i = 0; i < methods.length; i++) expect(kind(methods[i], CHAT)).toBe(0);
    clearHost();
    expect(held()).toBe(0);
    setRequestHeader(":method", "POST");
    expect(held()).toBe(0);
  });

  test("to another path", () => {
    const paths = ["/", "/v1/models", "/tokenize", "/v1/chat/completion", "/v1/chat/completions/"];
    for (let i = 0; i < paths.length; i++) expect(kind("POST", paths[i])).toBe(0);
    expect(kind("POST", "/v1/chat/completionsx?y")).toBe(0);
    expect(kind("POST", "?/generate")).toBe(0);
    expect(kind("POST", "/V1/chat/completions")).toBe(0);
  });

  test("with another content type, or none", () => {
    const types = ["", "text/plain", "application/jso", "application/jsonl", "application/json5"];
    for (let i = 0; i < types.length; i++) expect(kind("POST", CHAT, types[i])).toBe(0);
    expect(kind("POST", CHAT, "application/json+x")).toBe(0);
    expect(kind("POST", CHAT, "multipart/form-data; x=application/json")).toBe(0);
  });

  test("when it is compressed or upgraded", () => {
    expect(kindWith("content-encoding", "gzip")).toBe(0);
    expect(kindWith("upgrade", "websocket")).toBe(0);
    expect(kindWith("x-other", "gzip")).toBe(RequestKind.Chat);
  });
});

describe("a body that is encoded", () => {
  test("is one that would be read, were it not", () => {
    expect(encoded(CHAT, "content-encoding", "gzip")).toBe(RequestKind.Chat);
    expect(encoded("/v1/messages", "content-encoding", "x")).toBe(RequestKind.Messages);
    expect(encoded("/tokenize", "content-encoding", "gzip")).toBe(0);
    expect(encoded(CHAT, "x-other", "gzip")).toBe(0);
  });

  test("is not one by the encoding that is none", () => {
    expect(encoded(CHAT, "content-encoding", "identity")).toBe(0);
    expect(kindWith("content-encoding", "identity")).toBe(RequestKind.Chat);
  });
});

describe("the list of models", () => {
  test("is asked for by this method and path only", () => {
    expect(isForList("GET", "/v1/models")).toBe(true);
    expect(isForList("GET", "/v1/models?a=/v1/x")).toBe(true);
    expect(isForList("GET", "/v1/models/")).toBe(false);
    expect(isForList("GET", "/v1/models/a")).toBe(false);
    expect(isForList("GET", "/v1/model")).toBe(false);
    expect(isForList("POST", "/v1/models")).toBe(false);
    expect(isForList("HEAD", "/v1/models")).toBe(false);
  });
});

describe("headers of the model and the objective", () => {
  test("are seen by their names, and their absence too", () => {
    kind("POST", CHAT);
    expect(namesModel(headers) || hasObjective(headers) || hasLength(headers)).toBe(false);
    kindWith("x-model", "a");
    expect(namesModel(headers)).toBe(true);
    kindWith("content-length", "3");
    expect(hasLength(headers)).toBe(true);
    kindWith("x-objective", "batch");
    expect(hasObjective(headers)).toBe(true);
    const name = String.UTF8.decodeUnsafe(objectiveAt(headers), objectiveSize(headers));
    expect(name).toBe("batch");
  });
});

describe("a media type", () => {
  test("ends where its name ends", () => {
    expect(isType("text/event-stream", "text/event-stream")).toBe(true);
    expect(isType("TEXT/Event-Stream; charset=utf-8", "text/event-stream")).toBe(true);
    expect(isType("text/event-stream2", "text/event-stream")).toBe(false);
    expect(isType("text/event-strea", "text/event-stream")).toBe(false);
    expect(isType("", "text/event-stream")).toBe(false);
  });

  test("is compared by letters: what differs in one bit only is another", () => {
    // 0x0f and 0x2f, 0x4d and 0x6d, 0x5b and 0x7b differ in the bit of the case.
    expect(isType("text\x0fplain", "text/plain")).toBe(false);
    expect(isType("a/[", "a/{")).toBe(false);
    expect(isType("a/@", "a/`")).toBe(false);
    expect(isType("a/\u00c0", "a/\u00e0")).toBe(false);
  });
});

describe("the destination", () => {
  test("of a client is seen by the very name", () => {
    kind("POST", CHAT);
    expect(namesDestination(headers)).toBe(false);
    kindWith("x-t", "1.2.3.4:5");
    expect(namesDestination(headers)).toBe(false);
    kindWith("x-to", "");
    expect(namesDestination(headers)).toBe(true);
  });
});

describe("a first-token target", () => {
  test("is what the header says, else the configured one", () => {
    expect(kindWith("x-target", "1500")).toBe(RequestKind.Chat);
    expect(targetMs(headers, 700)).toBe(1500);
    kindWith("x-target", "soon");
    expect(targetMs(headers, 700)).toBe(700);
    kind("POST", CHAT);
    headers.read(HeaderMap.Request);
    expect(targetMs(headers, 700)).toBe(700);
  });
});
