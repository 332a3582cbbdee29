import assert from 'node:assert/strict'
import { test } from 'node:test'
import { settings } from '../../src/config/config.ts'
import { enrollment } from '../../kit/command-line.ts'

const variables = new Set<string>(Object.values(settings).map(({ variable }) => variable))

async function helpOf(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await enrollment(args)
  assert.equal(code, 0, stderr)
  assert.equal(stderr, '')
  return stdout
}

const overview = await helpOf('--help')
const [, list = ''] = /Usage: enrollment <command> \[options\]\n([\s\S]*?)\n\n/.exec(overview) ?? []
const commands = [...list.matchAll(/^ {2}(\w+) /gm)].map(([, name = '']) => name)

test('the first page lists every command and every setting', () => {
  assert.ok(commands.length >= 9, list)
  for (const variable of variables) assert.match(overview, new RegExp(`^ {2}${variable}\\b`, 'm'))
})

for (const command of commands) {
  test(`enrollment ${command} --help has examples, and they name only what there is`, async () => {
    const help = await helpOf(command, '--help')
    const [, usage = ''] = new RegExp(`^Usage: enrollment ${command}(.*)$`, 'm').exec(help) ?? []
    const options = new Set(usage.match(/--[\w-]+/g))
    const examples = help.split('\n').filter((line) => /^ {2}(?=\S).*\b(enrollment|npm) [a-z]/.test(line))
    assert.ok(examples.length > 0, help)
    assert.ok(
      examples.some((line) => line.includes(`enrollment ${command}`) || line.includes(`npm ${command}`)),
    )
    for (const example of examples) {
      const [ours = ''] = example.split(' | ')
      for (const option of ours.match(/(?<=\s)--[\w-]+/g) ?? []) assert.ok(options.has(option), example)
      for (const [, variable = ''] of ours.matchAll(/\b([A-Z][A-Z_]+)=/g)) {
        assert.ok(variables.has(variable), `${variable}: ${example}`)
      }
    }
  })
}

test('help is had in every way that people try', async () => {
  assert.equal(await helpOf('help'), overview)
  assert.equal(await helpOf('-h'), overview)
  const help = await helpOf('load', '--help')
  assert.equal(await helpOf('load', '-h'), help)
  assert.equal(await helpOf('help', 'load'), help)
})

test('a command that is misspelled is told the right one', async () => {
  const { code, stderr } = await enrollment(['sevrer'])
  assert.equal(code, 1)
  assert.equal(
    stderr,
    'enrollment: there is no command sevrer; did you mean server? enrollment --help lists them\n',
  )
})
