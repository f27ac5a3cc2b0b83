// Prints what a test of a promise measured, as one row of the table that the suite shows.

/** `measured` is what was counted, in words and numbers, and not the bound that was asserted. */
export function promise(fault: string, promised: string, measured: string): void {
  console.log(`figure: ${[fault, promised, measured].map(oneLine).join(" | ")}`);
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, " ").trim();
}
