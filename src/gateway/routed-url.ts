/** A path with nothing in it that a router reads as something else, and its query. */
const plain = /^\/[^%#?]*(?:\?|$)/
const brokenEscape = /%(?![0-9a-f]{2})/i
const unreserved = /^[\w.~-]$/

/**
 * The URL of a request as the router reads it: without scheme and host, without needless escapes, without a fragment.
 * Everything that looks at a URL before the router gets this one, and so does the router: two readings of one URL
 * would let a request pass for another. What the router refuses is returned as it is. Done twice it changes nothing.
 */
export function routedUrl(url: string): string {
  if (plain.test(url)) return url
  const relative = url.startsWith('/') ? url : withoutHost(url)
  const end = relative.search(/[?#]/)
  const path = end < 0 ? relative : relative.slice(0, end)
  if (!path.startsWith('/') || brokenEscape.test(path)) return url
  const query = end < 0 || relative[end] === '#' ? '' : relative.slice(end)
  const decoded = path.replaceAll(/%([0-9a-f]{2})/gi, (escape, code: string) => {
    const character = String.fromCharCode(Number.parseInt(code, 16))
    return unreserved.test(character) ? character : escape
  })
  return decoded + query
}

/** The path of a routed URL. */
export function pathOf(routed: string): string {
  const end = routed.indexOf('?')
  return end < 0 ? routed : routed.slice(0, end)
}

/** `http://host/path?query` -> `/path?query`. */
function withoutHost(url: string): string {
  const [, rest] = /^https?:\/\/[^/?#]+([^#]*)$/i.exec(url) ?? []
  if (rest === undefined || !URL.canParse(url)) return url
  return rest.startsWith('/') ? rest : `/${rest}`
}
