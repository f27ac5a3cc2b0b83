// Builds HTML in which every value is escaped unless it was made here.

/** A piece of HTML that needs no escaping. */
export class Html {
  constructor(readonly text: string) {}
}

type Value = Html | string | number | null | readonly Html[];

const ENTITIES: Record<string, string> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

export function html(parts: TemplateStringsArray, ...values: Value[]): Html {
  const text = parts.reduce((built, part, index) => built + render(values[index - 1] ?? "") + part);
  return new Html(text);
}

function render(value: Value): string {
  if (value instanceof Html) return value.text;
  if (typeof value === "object") return (value ?? []).map((piece) => piece.text).join("");
  return String(value).replace(/[&<>"']/g, (character) => ENTITIES[character] ?? "");
}

export interface Column<T> {
  title: string;
  /** Numbers stand right, texts left. */
  isNumber?: boolean;
  cell: (row: T) => Html | string | number | null;
}

/** A table, or a sentence in its place when there are no rows. */
export function table<T>(columns: Column<T>[], rows: readonly T[], ifEmpty: string): Html {
  if (rows.length === 0) return html`<p class="none">${ifEmpty}</p>`;
  const style = ({ isNumber }: Column<T>): string => (isNumber === true ? "number" : "text");
  const head = columns.map((column) => html`<th class="${style(column)}">${column.title}</th>`);
  const body = rows.map((row) => {
    const cells = columns.map(
      (column) => html`<td class="${style(column)}">${column.cell(row) ?? "–"}</td>`,
    );
    return html`<tr>
      ${cells}
    </tr> `;
  });
  return html`<table>
    <thead>
      <tr>
        ${head}
      </tr>
    </thead>
    <tbody>
      ${body}
    </tbody>
  </table>`;
}
