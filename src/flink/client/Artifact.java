package flinkonmesos;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.Paths;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;

/** A file of this machine that the dispatcher is to keep, by the SHA-256 of its content. */
final class Artifact {
    private final Path file;
    private final String digest;
    private final long size;

    private Artifact(Path file, String digest, long size) {
        this.file = file;
        this.digest = digest;
        this.size = size;
    }

    /** Null where a jar is on no file system of this machine. */
    static Path local(String jar) {
        if (jar.startsWith("file:")) {
            return Paths.get(URI.create(jar));
        }
        return jar.contains(":/") ? null : Paths.get(jar);
    }

    /** The name that the dispatcher makes of one. */
    static String plain(String name) {
        String plain = name.replaceAll("[^A-Za-z0-9.+_-]", "_");
        return plain.startsWith(".") ? "_" + plain.substring(1) : plain;
    }

    static Artifact of(Path file) throws IOException {
        MessageDigest hash;
        try {
            hash = MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException error) {
            throw new IOException(error);
        }
        long size = 0;
        byte[] piece = new byte[1 << 16];
        try (InputStream in = Files.newInputStream(file)) {
            for (int count = in.read(piece); count >= 0; count = in.read(piece)) {
                hash.update(piece, 0, count);
                size += count;
            }
        }
        StringBuilder digest = new StringBuilder();
        for (byte each : hash.digest()) {
            digest.append(String.format("%02x", each));
        }
        return new Artifact(file, digest.toString(), size);
    }

    String digest() {
        return digest;
    }

    String name() {
        return file.getFileName().toString();
    }

    long size() {
        return size;
    }

    /** No more than was announced: the file may grow. */
    void write(OutputStream out) throws IOException {
        byte[] piece = new byte[1 << 16];
        long left = size;
        try (InputStream in = Files.newInputStream(file)) {
            while (left > 0) {
                int count = in.read(piece, 0, (int) Math.min(piece.length, left));
                if (count < 0) {
                    throw new IOException(file + " has become shorter");
                }
                out.write(piece, 0, count);
                left -= count;
            }
        }
    }
}
