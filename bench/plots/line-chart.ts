/** One line of a panel: points in order of x. */
export interface Series {
  readonly name: string
  readonly points: readonly { readonly x: number; readonly y: number }[]
}

/** A chart of its own: x on a logarithmic axis, y from zero. */
export interface Panel {
  readonly title: string
  readonly xLabel: string
  readonly yLabel: string
  readonly series: readonly Series[]
}

const panelWidth = 400
const panelHeight = 260
const margin = { left: 56, right: 16, top: 40, bottom: 64 }
const colors = ['#1f5fa8', '#c4572e', '#3b7d3f', '#7a4f9a']

/** Draws panels side by side, two in a row, as an SVG document. */
export function drawPanels(panels: readonly Panel[]): string {
  const columns = Math.min(2, panels.length)
  const width = columns * panelWidth
  const height = Math.ceil(panels.length / columns) * panelHeight
  const drawn = panels.map((panel, index) => {
    const x = (index % columns) * panelWidth
    const y = Math.floor(index / columns) * panelHeight
    return `<g transform="translate(${x} ${y})">${drawPanel(panel)}</g>`
  })
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" ` +
    `font-family="system-ui, sans-serif" font-size="11" fill="#333">\n` +
    `<rect width="${width}" height="${height}" fill="#fff"/>\n${drawn.join('\n')}\n</svg>\n`
  )
}

function drawPanel({ title, xLabel, yLabel, series }: Panel): string {
  const points = series.flatMap((one) => one.points)
  const xs = points.map(({ x }) => Math.log10(x))
  const [xMin, xMax] = [Math.min(...xs), Math.max(...xs)]
  const step = niceStep(Math.max(...points.map(({ y }) => y)) / 4)
  const yMax = step * Math.ceil(Math.max(...points.map(({ y }) => y)) / step)
  const plotWidth = panelWidth - margin.left - margin.right
  const plotHeight = panelHeight - margin.top - margin.bottom
  const toX = (x: number) => margin.left + (plotWidth * (Math.log10(x) - xMin)) / Math.max(xMax - xMin, 1e-9)
  const toY = (y: number) => margin.top + plotHeight * (1 - y / yMax)
  const bottom = margin.top + plotHeight
  const parts = [text(margin.left, 18, title, 'font-weight="600" font-size="13"'), text(8, 32, yLabel)]
  for (let y = 0; y <= yMax + step / 2; y += step) {
    parts.push(
      `<line x1="${margin.left}" x2="${margin.left + plotWidth}" y1="${at(toY(y))}" y2="${at(toY(y))}" stroke="#ddd"/>`,
      text(margin.left - 6, toY(y) + 4, shown(y), 'text-anchor="end"'),
    )
  }
  for (const x of new Set(points.map((point) => point.x))) {
    parts.push(text(toX(x), bottom + 16, shown(x), 'text-anchor="middle"'))
  }
  parts.push(text(margin.left + plotWidth / 2, bottom + 32, xLabel, 'text-anchor="middle"'))
  let legendX = margin.left
  for (const [index, { name, points: own }] of series.entries()) {
    const color = colors[index % colors.length] ?? ''
    const line = own.map(({ x, y }) => `${at(toX(x))},${at(toY(y))}`).join(' ')
    parts.push(
      `<polyline points="${line}" fill="none" stroke="${color}" stroke-width="2"/>`,
      ...own.map(({ x, y }) => `<circle cx="${at(toX(x))}" cy="${at(toY(y))}" r="3" fill="${color}"/>`),
      `<rect x="${legendX}" y="${bottom + 42}" width="10" height="10" fill="${color}"/>`,
      text(legendX + 14, bottom + 51, name),
    )
    legendX += 24 + 6.2 * name.length
  }
  return parts.join('')
}

function text(x: number, y: number, content: string, attributes = ''): string {
  const escaped = content.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
  return `<text x="${at(x)}" y="${at(y)}" ${attributes}>${escaped}</text>`
}

/** 1, 2 or 5 times a power of ten, at least this much. */
function niceStep(least: number): number {
  const power = 10 ** Math.floor(Math.log10(Math.max(least, 1e-9)))
  return [1, 2, 5, 10].map((factor) => factor * power).find((step) => step >= least) ?? 10 * power
}

function at(coordinate: number): string {
  return String(Number(coordinate.toFixed(1)))
}

function shown(value: number): string {
  return Number(value.toPrecision(6)).toLocaleString('en')
}
