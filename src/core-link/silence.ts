import type { Socket } from 'node:net'

/**
 * Ends a connection on which nothing was heard for so long, milliseconds. (A socket's own time-out counts what is written
 * to it as well, and so never notices a peer that is gone while we talk to it.)
 */
export function endOnSilence(socket: Socket, silenceMsMax: number, why: Error): void {
  const timer = setTimeout(() => {
    // Who is not read, for not reading, cannot be heard.
    if (socket.isPaused()) timer.refresh()
    else socket.destroy(why)
  }, silenceMsMax)
  socket.on('data', () => timer.refresh())
  socket.once('close', () => clearTimeout(timer))
}
