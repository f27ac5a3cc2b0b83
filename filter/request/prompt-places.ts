// The closed lists of what a parse of a request body can say, and of where it can be.

/** What is known of the body. The first four are those of JsonStatus. */
export const enum ParseStatus {
  Partial = 0,
  Complete = 1,
  Malformed = 2,
  TooDeep = 3,
  NoPrompt = 4,
}

/** Where in the body the scan is. */
export const enum Place {
  Start = 0,
  Top,
  /** In the array of messages, in one message, in the array of its content, in one part. */
  Messages,
  Message,
  Parts,
  Part,
  Tools,
  /** In the list of prompts or of token ids, in one list of token ids inside it. */
  Prompts,
  Tokens,
  /** In a value that is hashed by structure, in one that is not looked at. */
  Value,
  Skipped,
  End,
}

/** What the text section at work belongs to. */
export const enum Owner {
  None = 0,
  Message,
  System,
  Prompt,
  Tokens,
}

/** Where a string that is being scanned goes. */
export const enum TextTarget {
  None = 0,
  Section,
  Value,
  /** The model's name: a value, whose start is kept as well. */
  Name,
  /** Only its length counts: it belongs to a prompt after the first. */
  Count,
}
