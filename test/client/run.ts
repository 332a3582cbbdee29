import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { clientTypes, readDocument } from './document.ts'

// Makes the client's types anew: npm run client

const root = process.cwd()
writeFileSync(join(root, 'src/client/api.ts'), clientTypes(await readDocument(), root))
