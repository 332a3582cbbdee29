/** Whether two values are the same JSON, whatever the order of their members; an undefined member is none. */
export function isSameValue(a: unknown, b: unknown): boolean {
  if (a === b) return true
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false
  if (Array.isArray(a) || Array.isArray(b)) {
    if (!Array.isArray(a) || !Array.isArray(b) || a.length !== b.length) return false
    for (let index = 0; index < a.length; index++) if (!isSameValue(a[index], b[index])) return false
    return true
  }
  return holdsAllOf(a as Members, b as Members) && holdsAllOf(b as Members, a as Members)
}

type Members = Readonly<Record<string, unknown>>

function holdsAllOf(whole: Members, part: Members): boolean {
  for (const name in part) if (!isSameValue(whole[name], part[name])) return false
  return true
}
