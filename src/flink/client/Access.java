package flinkonmesos;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.Paths;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.util.List;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLSocketFactory;
import javax.net.ssl.TrustManagerFactory;
import org.apache.flink.configuration.ConfigOption;
import org.apache.flink.configuration.ConfigOptions;
import org.apache.flink.configuration.Configuration;

/** Where the dispatcher is and what it is shown: the same variables and files as for {@code flink-on-mesos}. */
final class Access {
    static final ConfigOption<String> DISPATCHER = ConfigOptions.key("mesos.dispatcher")
            .stringType()
            .noDefaultValue()
            .withDescription("The dispatcher: http://HOST:PORT or https://HOST:PORT.");
    private static final String ADDRESS = "FLINK_ON_MESOS_DISPATCHER";
    /** A dispatcher of this machine. */
    private static final String USUAL = "http://127.0.0.1:8090";
    private static final String TOKEN = "FLINK_ON_MESOS_TOKEN";
    private static final String AUTHORITIES = "FLINK_ON_MESOS_CA";
    private static final Path HOME = Paths.get(System.getProperty("user.home"), ".config", "flink-on-mesos");

    private final String address;
    private final String token;
    private final SSLSocketFactory sockets;

    private Access(String address, String token, SSLSocketFactory sockets) {
        this.address = address;
        this.token = token;
        this.sockets = sockets;
    }

    /** The first that is said: by an option, the environment, or a file of the user. */
    static Access of(Configuration configuration) throws IOException {
        String given = configuration.get(DISPATCHER);
        String address = given != null ? given : variableOrFile(ADDRESS, HOME.resolve("dispatcher"));
        address = address != null ? address : USUAL;
        if (!address.startsWith("http://") && !address.startsWith("https://")) {
            throw new IOException("`" + address + "` is no address of a dispatcher that Flink's command line can ask: expected"
                    + " http://HOST:PORT or https://HOST:PORT");
        }
        String path = System.getenv(AUTHORITIES);
        SSLSocketFactory sockets = path == null || path.isEmpty() ? null : trusting(Paths.get(path));
        return new Access(address.replaceAll("/+$", ""), variableOrFile(TOKEN, HOME.resolve("token")), sockets);
    }

    String address() {
        return address;
    }

    /** Null where none is shown. */
    String token() {
        return token;
    }

    /** Null where the authorities of the JVM are trusted. */
    SSLSocketFactory sockets() {
        return sockets;
    }

    private static String variableOrFile(String variable, Path file) throws IOException {
        String text = System.getenv(variable);
        if (text != null && !text.trim().isEmpty()) {
            return text.trim();
        }
        try {
            List<String> lines = Files.readAllLines(file, StandardCharsets.UTF_8);
            return lines.isEmpty() || lines.get(0).trim().isEmpty() ? null : lines.get(0).trim();
        } catch (NoSuchFileException none) {
            return null;
        }
    }

    private static SSLSocketFactory trusting(Path authorities) throws IOException {
        try (InputStream in = Files.newInputStream(authorities)) {
            KeyStore store = KeyStore.getInstance(KeyStore.getDefaultType());
            store.load(null, null);
            int number = 0;
            for (Certificate certificate : CertificateFactory.getInstance("X.509").generateCertificates(in)) {
                store.setCertificateEntry("authority-" + number++, certificate);
            }
            if (number == 0) {
                throw new IOException("no certificate in " + authorities + ", which $" + AUTHORITIES + " names");
            }
            TrustManagerFactory trust = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
            trust.init(store);
            SSLContext context = SSLContext.getInstance("TLS");
            context.init(null, trust.getTrustManagers(), null);
            return context.getSocketFactory();
        } catch (GeneralSecurityException error) {
            throw new IOException("cannot read the authorities in " + authorities + ", which $" + AUTHORITIES + " names: " + error.getMessage(), error);
        }
    }
}
