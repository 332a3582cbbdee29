import { join } from 'node:path'
import { build } from 'esbuild'

/** The pages as browsers get them: file name -> text. */
export async function bundledPages(root: string): Promise<ReadonlyMap<string, string>> {
  const { outputFiles } = await build({
    absWorkingDir: root,
    entryPoints: { page: 'src/pages/main.tsx', style: 'src/pages/page.css' },
    outdir: join(root, 'src/pages/built'),
    tsconfig: join(root, 'src/pages/tsconfig.json'),
    bundle: true,
    minify: true,
    write: false,
    format: 'esm',
    target: ['es2022', 'chrome111', 'firefox113', 'safari16.4'],
    charset: 'utf8',
    legalComments: 'none',
    logLevel: 'warning',
    banner: {
      js: '/* Made of src/pages by npm run pages. Contains Preact and Preact Signals, (c) Jason Miller and the Preact team, MIT. */',
    },
  })
  return new Map(outputFiles.map(({ path, text }) => [path.slice(path.lastIndexOf('/') + 1), text]))
}
