import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { bundledPages } from './bundle.ts'

// Bundles the pages anew: npm run pages

const folder = join(process.cwd(), 'src/pages/built')
mkdirSync(folder, { recursive: true })
for (const [name, text] of await bundledPages(process.cwd())) writeFileSync(join(folder, name), text)
