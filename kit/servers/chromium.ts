import { existsSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Log, onPath, run, unpackedPackages } from './debian-packages.ts'

/** A Chromium, and the environment that it needs. */
export interface Chromium {
  readonly program: string
  readonly environment: Readonly<Record<string, string>>
}

/**
 * The Chromium that is installed, else one from Debian's packages, unpacked into a cache (about 100 MB, once).
 * Undefined where none can be had, or none starts.
 */
export async function findChromium(log: Log): Promise<Chromium | undefined> {
  try {
    const found = installedChromium() ?? (await unpackedChromium(log))
    if (found === undefined) return undefined
    await run(found.program, ['--version'], { env: { ...process.env, ...found.environment } })
    return found
  } catch (error) {
    log(`There is no Chromium to be had: ${error instanceof Error ? error.message : String(error)}`)
    return undefined
  }
}

function installedChromium(): Chromium | undefined {
  for (const name of ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable']) {
    const program = onPath(name)
    if (program !== undefined) return { program, environment: {} }
  }
  return undefined
}

async function unpackedChromium(log: Log): Promise<Chromium | undefined> {
  const unpacked = await unpackedPackages(
    {
      name: 'Chromium',
      main: 'chromium',
      choose: (absent) => [...absent],
      prepare: (root, finalRoot) => writeFile(join(root, 'fonts.conf'), fontsIn(finalRoot)),
    },
    log,
  )
  if (unpacked === undefined) return undefined
  const { root, libraryPath = '' } = unpacked
  // Some keep libraries where only their own know of them.
  const folders = libraryPath
    .split(':')
    .flatMap((folder) => ['', 'pulseaudio', 'nss'].map((part) => join(folder, part)))
  return {
    program: join(root, 'usr/lib/chromium/chromium'),
    environment: {
      LD_LIBRARY_PATH: folders.join(':'),
      ...(!existsSync('/etc/fonts/fonts.conf') && { FONTCONFIG_FILE: join(root, 'fonts.conf') }),
    },
  }
}

function fontsIn(root: string): string {
  return `<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig><dir>${root}/usr/share/fonts</dir><dir>/usr/share/fonts</dir><cachedir prefix="xdg">fontconfig</cachedir></fontconfig>
`
}
