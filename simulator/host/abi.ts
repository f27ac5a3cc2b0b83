// Numbers of the proxy-wasm ABI 0.2.1 as Envoy gives them meaning.

/** What a host function returns. */
export const Status = {
  Ok: 0,
  NotFound: 1,
  BadArgument: 2,
  SerializationFailure: 3,
  ParseFailure: 4,
  BadExpression: 5,
  InvalidMemoryAccess: 6,
  Empty: 7,
  CasMismatch: 8,
  ResultMismatch: 9,
  InternalFailure: 10,
  BrokenConnection: 11,
  Unimplemented: 12,
} as const;
export type Status = (typeof Status)[keyof typeof Status];

export const HeaderMapType = {
  RequestHeaders: 0,
  RequestTrailers: 1,
  ResponseHeaders: 2,
  ResponseTrailers: 3,
  GrpcReceiveInitialMetadata: 4,
  GrpcReceiveTrailingMetadata: 5,
  HttpCallResponseHeaders: 6,
  HttpCallResponseTrailers: 7,
} as const;
export type HeaderMapType = (typeof HeaderMapType)[keyof typeof HeaderMapType];
export const HEADER_MAP_TYPE_MAX = 7;

export const BufferType = {
  HttpRequestBody: 0,
  HttpResponseBody: 1,
  NetworkDownstreamData: 2,
  NetworkUpstreamData: 3,
  HttpCallResponseBody: 4,
  GrpcReceiveBuffer: 5,
  VmConfiguration: 6,
  PluginConfiguration: 7,
  CallData: 8,
} as const;
export type BufferType = (typeof BufferType)[keyof typeof BufferType];
export const BUFFER_TYPE_MAX = 8;

export const StreamType = {
  Request: 0,
  Response: 1,
  Downstream: 2,
  Upstream: 3,
} as const;
export type StreamType = (typeof StreamType)[keyof typeof StreamType];
export const STREAM_TYPE_MAX = 3;

/** An action when no callback was made: the filter stopped everything, or the stream is over. */
export const NOT_CALLED = -1;

/** What a callback on headers comes to, after Envoy's conversions. */
export const HeadersAction = {
  Continue: 0,
  StopIteration: 1,
  ContinueAndEndStream: 2,
  StopAllIterationAndBuffer: 3,
  StopAllIterationAndWatermark: 4,
} as const;
export type HeadersAction = (typeof HeadersAction)[keyof typeof HeadersAction];

/** What a callback on a body comes to. */
export const DataAction = {
  Continue: 0,
  StopIterationAndBuffer: 1,
  StopIterationAndWatermark: 2,
  StopIterationNoBuffer: 3,
} as const;
export type DataAction = (typeof DataAction)[keyof typeof DataAction];

/** What a callback on trailers comes to. */
export const TrailersAction = {
  Continue: 0,
  StopIteration: 1,
} as const;
export type TrailersAction = (typeof TrailersAction)[keyof typeof TrailersAction];

export const MetricType = {
  Counter: 0,
  Gauge: 1,
  Histogram: 2,
} as const;
export type MetricType = (typeof MetricType)[keyof typeof MetricType];
export const METRIC_TYPE_MAX = 2;

export const LogLevel = {
  Trace: 0,
  Debug: 1,
  Info: 2,
  Warn: 3,
  Error: 4,
  Critical: 5,
} as const;
export type LogLevel = (typeof LogLevel)[keyof typeof LogLevel];
export const LOG_LEVEL_MAX = 5;

/** Bits of `response.flags` that the filter tells apart. */
export const ResponseFlag = {
  NoHealthyUpstream: 0x2,
  UpstreamConnectionFailure: 0x20,
  UpstreamConnectionTermination: 0x40,
  DownstreamConnectionTermination: 0x4000,
} as const;
export type ResponseFlag = (typeof ResponseFlag)[keyof typeof ResponseFlag];

/** A buffer of header pairs above this is read as empty (PROXY_WASM_HOST_PAIRS_MAX_BYTES). */
export const PAIRS_BYTES_MAX = 1024 * 1024;
/** More pairs than this are read as none (PROXY_WASM_HOST_PAIRS_MAX_COUNT). */
export const PAIRS_COUNT_MAX = 1024;
/** random_get refuses more (PROXY_WASM_HOST_WASI_RANDOM_GET_MAX_SIZE_BYTES). */
export const RANDOM_BYTES_MAX = 64 * 1024;
