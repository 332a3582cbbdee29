import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { GatewayFixture } from '../../src/gateway/testing/gateway-fixture.ts'
import { type OpenApiDocument, typesOf } from './types-of.ts'

/** The document as a server serves it. */
export async function readDocument(): Promise<OpenApiDocument> {
  const fixture = new GatewayFixture([])
  try {
    return (await fixture.send(undefined, 'GET /openapi.json')).body as OpenApiDocument
  } finally {
    await fixture.app.close()
  }
}

/** What `src/client/api.ts` must say, in the form that the formatter gives it. */
export function clientTypes(document: OpenApiDocument, root: string): string {
  const biome = join(root, 'node_modules/@biomejs/biome/bin/biome')
  return execFileSync(process.execPath, [biome, 'format', '--stdin-file-path=src/client/api.ts'], {
    cwd: root,
    input: typesOf(document),
    encoding: 'utf8',
  })
}
