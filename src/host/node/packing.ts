/** Compression and checksums by Node's own zlib and crypto, loaded when they are needed. */
export const nodePacking = {
  deflate(bytes: Uint8Array): Uint8Array {
    return process.getBuiltinModule("node:zlib").deflateSync(bytes, { level: 3 });
  },
  inflate(bytes: Uint8Array, most: number): Uint8Array {
    return process.getBuiltinModule("node:zlib").inflateSync(bytes, { maxOutputLength: most });
  },
  sha256(bytes: Uint8Array): Uint8Array {
    return process.getBuiltinModule("node:crypto").hash("sha256", bytes, "buffer");
  },
};
