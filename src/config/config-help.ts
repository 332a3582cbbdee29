import { settings } from './config.ts'

/** Every variable with its default, what it wants and what it means, for `enrollment --help`. */
export function settingsAsText(): string {
  return Object.values(settings)
    .map(({ variable, kind, fallback, meaning }) => {
      const otherwise = fallback === undefined ? '' : ` (default ${fallback})`
      return `  ${variable}${otherwise}\n      ${meaning}\n      Wants ${kind.wants}.`
    })
    .join('\n')
}

/** The same as the rows of a Markdown table, for docs/settings.md; a test holds the two together. */
export function settingsAsMarkdown(): string {
  const rows = Object.values(settings).map(({ variable, kind, fallback, meaning }) =>
    [`\`${variable}\``, fallback === undefined ? '' : `\`${fallback}\``, meaning, kind.wants]
      .map((cell) => cell.replaceAll('|', '\\|'))
      .join(' | '),
  )
  const table = ['variable | default | meaning | wants', '--- | --- | --- | ---', ...rows]
  return table.map((row) => `| ${row} |`).join('\n')
}
