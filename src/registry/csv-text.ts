export type CsvCell = string | number | null

/** What a spreadsheet takes for a formula, also behind white space that it ignores; in a file behind apostrophes. */
const formula = /^'*(?:\s*[=+\-@]|[\t\r\n])/

/** A cell that no spreadsheet computes: an apostrophe stands before a formula. Numbers stay as they are. */
export function marked(cell: CsvCell): CsvCell {
  return typeof cell === 'string' && formula.test(cell) ? `'${cell}` : cell
}

/** The cell that `marked` was given. */
export function unmarked(cell: string): string {
  return cell.startsWith("'") && formula.test(cell) ? cell.slice(1) : cell
}

/** One line of a CSV file (RFC 4180), its end included; null is an empty cell. */
export function csvLine(cells: readonly CsvCell[]): string {
  return `${cells.map(csvCell).join(',')}\r\n`
}

function csvCell(cell: CsvCell): string {
  if (cell === null) return ''
  if (typeof cell === 'number') return String(cell)
  return /[",\r\n]|^\s|\s$/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell
}
