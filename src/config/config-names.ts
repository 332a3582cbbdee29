/** Our prefix as a hurried hand writes it: the British spelling, a plural, another case. */
const prefix = /^ENROLL?MENTS?_/i

/**
 * The first variable that carries our prefix and is none of ours: a typing error that must not pass for a
 * setting. `complaint` completes a line that begins with `name`.
 */
export function findUnknownName(
  env: Readonly<Record<string, string | undefined>>,
  known: readonly string[],
): { name: string; complaint: string } | undefined {
  const unknown = Object.keys(env).find(
    (name) => prefix.test(name) && env[name] !== undefined && !known.includes(name),
  )
  if (unknown === undefined) return undefined
  const near = nearest(unknown.toUpperCase().replace(prefix, 'ENROLLMENT_'), known)
  const hint = near === undefined ? 'see enrollment --help for those there are' : `did you mean ${near}?`
  // A name may hold anything but `=`; the message stays one line.
  const name = /^\w{1,100}$/.test(unknown) ? unknown : JSON.stringify(unknown.slice(0, 100))
  return { name, complaint: `is not a variable that we know: ${hint}` }
}

/**
 * The known name that was probably meant, if one is near.
 * @param editsMax letters that a name may be off and still be taken for a known one
 */
export function nearest(name: string, known: readonly string[], editsMax = 4): string | undefined {
  const distances = known.map((candidate) => ({ candidate, distance: editDistance(name, candidate) }))
  const [best] = distances.toSorted((a, b) => a.distance - b.distance)
  return best !== undefined && best.distance <= editsMax ? best.candidate : undefined
}

/** Levenshtein's distance: letters to insert, delete or replace. */
function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let i = 0; i < a.length; i++) {
    const row = [i + 1]
    for (let j = 0; j < b.length; j++) {
      const replaced = (previous[j] ?? 0) + (a[i] === b[j] ? 0 : 1)
      row.push(Math.min(replaced, (previous[j + 1] ?? 0) + 1, (row[j] ?? 0) + 1))
    }
    previous = row
  }
  return previous[b.length] ?? 0
}
