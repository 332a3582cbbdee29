import assert from 'node:assert/strict'
import { test } from 'node:test'
import { drawPanels } from './line-chart.ts'

test('a cost that does not grow is drawn as a level line', () => {
  const flat = [
    { x: 10, y: 50 },
    { x: 100, y: 50 },
    { x: 1000, y: 50 },
  ]
  const svg = drawPanels([
    { title: 'a < b', xLabel: 'students', yLabel: 'µs', series: [{ name: 'all', points: flat }] },
  ])
  const [, line = ''] = /<polyline points="([^"]+)"/.exec(svg) ?? []
  const points = line.split(' ').map((point) => point.split(',').map(Number))
  assert.equal(points.length, 3)
  assert.equal(new Set(points.map(([, y]) => y)).size, 1)
  const [first = [], second = [], third = []] = points
  assert.equal((second[0] ?? 0) - (first[0] ?? 0), (third[0] ?? 0) - (second[0] ?? 0))
  assert.match(svg, />a &lt; b</)
})

test('twice the cost is twice as high above the axis', () => {
  const points = [
    { x: 1, y: 40 },
    { x: 10, y: 80 },
  ]
  const svg = drawPanels([{ title: '', xLabel: '', yLabel: '', series: [{ name: '', points }] }])
  const [low = 0, high = 0] = [...svg.matchAll(/cy="([\d.]+)"/g)].map(([, y]) => Number(y))
  const axis = Math.max(...[...svg.matchAll(/<line [^>]*y1="([\d.]+)"/g)].map(([, y]) => Number(y)))
  assert.ok(Math.abs((axis - high) / (axis - low) - 2) < 0.01)
})
