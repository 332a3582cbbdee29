import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** The checkout, from wherever this was compiled to. */
export const root = findRoot(import.meta.dirname)

function findRoot(folder: string): string {
  return existsSync(join(folder, 'package-lock.json')) ? folder : findRoot(dirname(folder))
}

/** A file of the checkout as text. */
export function readText(path: string): string {
  return readFileSync(join(root, path), 'utf8')
}
