/** PostgreSQL's code for a right that the role lacks. */
const insufficientPrivilege = '42501'

/** What went wrong, on one line, for logs and status lines; with the remedy where a grant is missing. */
export function describeError(error: unknown): string {
  const text = error instanceof Error ? error.message || error.name : String(error)
  const line = text.replace(/\s*\n\s*/g, ' ')
  const isForbidden = error instanceof Error && 'code' in error && error.code === insufficientPrivilege
  return isForbidden
    ? `${line}; give this role what it needs: psql -f schema/grants.sql, see docs/security.md`
    : line
}
