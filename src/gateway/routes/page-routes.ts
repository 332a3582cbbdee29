import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { FastifyInstance, FastifyReply } from 'fastify'
import { sendShared, SharedText } from '../replies/shared-text.ts'

/** What a browser gets of `src/pages/`, as `npm run pages` has made it. */
const built = new URL('../../pages/built/', import.meta.url)
/** Nothing from elsewhere, nothing in line; no `upgrade-insecure-requests`, since plain HTTP may be all that there is. */
const policy =
  "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
const quality = 11

interface Pages {
  readonly html: SharedText
  /** By the name in the address, which changes with the content. */
  readonly assets: ReadonlyMap<string, SharedText>
}

/**
 * The students' page at `/`, for whoever asks for HTML; programs get the list of addresses that they always got. The files are
 * read once, compressed once by other threads, and sent from memory.
 */
export function pageRoutes(app: FastifyInstance): void {
  let read: Pages | undefined
  const pages = () => (read ??= readPages())
  const hidden = { config: { problems: [] }, schema: { hide: true } }

  app.get('/', hidden, async (request, reply) => {
    reply.header('vary', 'accept')
    const { accept = '' } = request.headers
    if (!accept.includes('text/html')) return addresses
    return await sendShared(request, secure(reply), pages().html, 'no-cache')
  })

  app.get<{ Params: { name: string } }>('/pages/:name', hidden, async (request, reply) => {
    const asset = pages().assets.get(request.params.name)
    if (asset === undefined) return reply.callNotFound()
    return await sendShared(request, secure(reply), asset, 'public, max-age=31536000, immutable')
  })
}

const addresses = {
  name: 'course enrollment',
  docs: '/docs',
  openapi: '/openapi.json',
  health: '/healthz',
  ready: '/readyz',
}

function secure(reply: FastifyReply): FastifyReply {
  return reply.headers({
    'content-security-policy': policy,
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
  })
}

function readPages(): Pages {
  const script = readFileSync(new URL('page.js', built), 'utf8')
  const style = readFileSync(new URL('style.css', built), 'utf8')
  const scriptName = `page-${versionOf(script)}.js`
  const styleName = `style-${versionOf(style)}.css`
  return {
    html: new SharedText('text/html; charset=utf-8', htmlWith(scriptName, styleName), quality),
    assets: new Map([
      [scriptName, new SharedText('text/javascript; charset=utf-8', script, quality)],
      [styleName, new SharedText('text/css; charset=utf-8', style, quality)],
    ]),
  }
}

function versionOf(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 12)
}

function htmlWith(script: string, style: string): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Course enrollment</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/pages/${style}">
<script type="module" src="/pages/${script}"></script>
</head>
<body>
<div id="page"><noscript>This page needs JavaScript. The API is described at /docs.</noscript></div>
</body>
</html>
`
}
