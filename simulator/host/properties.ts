// Properties of a stream that the filter may ask for, and their bytes as Envoy serialises them.
import { HeaderMapType } from "./abi.js";
import type { PropertyValue } from "./context.js";
import type { HeaderMap } from "./header-map.js";
import type { StreamContext } from "./stream-context.js";

const REQUEST_HEADERS = "request\0headers\0";
const RESPONSE_HEADERS = "response\0headers\0";
const RESPONSE_TRAILERS = "response\0trailers\0";

/** The value at a path (parts separated by a zero, one at the end is allowed), if it is known. */
export function streamProperty(stream: StreamContext, path: string): PropertyValue | undefined {
  const key = path.endsWith("\0") ? path.slice(0, -1) : path;
  const given = stream.properties?.get(key);
  if (given !== undefined) return given;
  switch (key) {
    case "upstream\0address":
      return stream.upstreamAddress ?? undefined;
    case "upstream\0port":
      return portOf(stream.upstreamAddress);
    case "upstream\0request_attempt_count":
      return stream.attempts;
    case "response\0flags":
      return stream.responseFlags;
    case "response\0code_details":
      return stream.codeDetails ?? undefined;
    case "response\0code":
      return integer(stream.downstream.headers?.get(":status"));
    case "response\0size":
      return stream.downstream.bodyBytes;
    case "plugin_name":
      return stream.root.pluginName;
    case "plugin_root_id":
      return stream.root.rootId;
    case "plugin_vm_id":
      return stream.root.host.vmId;
    default:
      return headerProperty(stream, key) ?? stream.filterState?.get(key);
  }
}

function headerProperty(stream: StreamContext, key: string): string | undefined {
  if (key.startsWith("request\0")) {
    const headers = stream.readableMap(HeaderMapType.RequestHeaders);
    return headers === null ? undefined : requestProperty(headers, key);
  }
  if (key.startsWith(RESPONSE_HEADERS)) {
    return stream
      .readableMap(HeaderMapType.ResponseHeaders)
      ?.get(key.slice(RESPONSE_HEADERS.length));
  }
  if (key.startsWith(RESPONSE_TRAILERS)) {
    return stream
      .readableMap(HeaderMapType.ResponseTrailers)
      ?.get(key.slice(RESPONSE_TRAILERS.length));
  }
  return undefined;
}

function requestProperty(headers: HeaderMap, key: string): string | undefined {
  const path = headers.get(":path");
  switch (key) {
    case "request\0path":
      return path;
    case "request\0url_path":
      return path?.split("?", 1)[0];
    case "request\0query":
      return path?.split("?").slice(1).join("?");
    case "request\0method":
      return headers.get(":method");
    case "request\0host":
      return headers.get(":authority");
    case "request\0scheme":
      return headers.get(":scheme");
    case "request\0id":
      return headers.get("x-request-id");
    case "request\0useragent":
      return headers.get("user-agent");
    default:
      if (!key.startsWith(REQUEST_HEADERS)) return undefined;
      return headers.get(key.slice(REQUEST_HEADERS.length));
  }
}

function portOf(address: string | null): number | undefined {
  return address === null ? undefined : integer(address.slice(address.lastIndexOf(":") + 1));
}

function integer(text: string | undefined): number | undefined {
  return text === undefined ? undefined : Number.parseInt(text, 10);
}

/** Used again by the next call: the module has its copy by then. */
const integerBytes = new Uint8Array(8);
const integerView = new DataView(integerBytes.buffer);

/** The bytes proxy_get_property returns: integers take 8, little-endian. */
export function serialize(value: PropertyValue): string | Uint8Array {
  if (typeof value === "string" || value instanceof Uint8Array) return value;
  if (typeof value === "boolean") return value ? "\x01" : "\0";
  if (typeof value === "number" && value >= 0 && value <= 0xffffffff) {
    integerView.setUint32(0, value, true);
    integerView.setUint32(4, 0, true);
  } else {
    integerView.setBigInt64(0, BigInt.asIntN(64, BigInt(value)), true);
  }
  return integerBytes;
}
