import { readFileSync } from 'node:fs'
import { createSecureContext, Server } from 'node:tls'
import type { FastifyInstance } from 'fastify'

/** PEM files: the server's certificate, followed by those that lead to its authority, and its key. */
export interface CertificateFiles {
  readonly certificate: string
  readonly key: string
}

export interface Certificate {
  readonly cert: Buffer
  readonly key: Buffer
}

/** The certificate cannot be served; the message is one line for people. */
export class CertificateUnusable extends Error {
  override readonly name = 'CertificateUnusable'
}

/** @throws CertificateUnusable if a file cannot be read, is no PEM, or the two do not belong together */
export function readCertificate(files: CertificateFiles): Certificate {
  const read = (path: string): Buffer => {
    try {
      return readFileSync(path)
    } catch (cause) {
      const { code } = cause as NodeJS.ErrnoException
      const why = code === 'ENOENT' ? 'is not there' : `cannot be read (${code ?? String(cause)})`
      throw new CertificateUnusable(
        `${path} ${why}; correct ENROLLMENT_LISTEN_CERT or ENROLLMENT_LISTEN_KEY`,
        { cause },
      )
    }
  }
  const certificate = { cert: read(files.certificate), key: read(files.key) }
  try {
    createSecureContext(certificate)
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new CertificateUnusable(
      `${files.certificate} and ${files.key} are no certificate and its key (${why}); correct ENROLLMENT_LISTEN_CERT or ENROLLMENT_LISTEN_KEY`,
      { cause },
    )
  }
  return certificate
}

/**
 * Shows another certificate to those who connect from now on; open connections go on.
 * @throws CertificateUnusable, and then the one before is shown still
 */
export function renewCertificate(app: FastifyInstance, files: CertificateFiles): void {
  const certificate = readCertificate(files)
  const { server } = app
  if (server instanceof Server) server.setSecureContext(certificate)
}
