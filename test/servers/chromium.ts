import { existsSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Log, onPath, unpackedPackages } from './debian-packages.ts'

/** A Chromium, and the environment that it needs. */
export interface Chromium {
  readonly program: string
  readonly environment: Readonly<Record<string, string>>
}

/**
 * The Chromium that is installed, else one from Debian's packages, unpacked into a cache (about 100 MB, once).
 * Undefined where none can be had.
 */
export async function findChromium(log: Log): Promise<Chromium | undefined> {
  for (const name of ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable']) {
    const program = onPath(name)
    if (program !== undefined) return { program, environment: {} }
  }
  const unpacked = await unpackedPackages(
    {
      name: 'Chromium',
      main: 'chromium',
      choose: (absent) => absent.filter((name) => !/^xdg-utils$/.test(name)),
      prepare: (root, finalRoot) => writeFile(join(root, 'fonts.conf'), fontsIn(finalRoot)),
    },
    log,
  ).catch((error: unknown) => {
    log(`Chromium's packages cannot be had: ${error instanceof Error ? error.message : String(error)}`)
    return undefined
  })
  if (unpacked === undefined) return undefined
  const { root, libraryPath = '' } = unpacked
  return {
    program: join(root, 'usr/lib/chromium/chromium'),
    environment: {
      // PulseAudio keeps a library where only its own know of it.
      LD_LIBRARY_PATH: libraryPath
        .split(':')
        .flatMap((folder) => [folder, join(folder, 'pulseaudio')])
        .join(':'),
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
