package flinkonmesos;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.HttpURLConnection;
import java.net.URL;
import java.net.URLEncoder;
import java.util.Arrays;
import java.util.List;
import javax.net.ssl.HttpsURLConnection;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.JsonNode;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.ObjectMapper;

/** The dispatcher's HTTP interface, as far as Flink's command line needs it. */
final class Dispatcher {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final int MAX_WAIT_MS = 30_000;
    private static final int MAX_ANSWER = 16 << 20;
    private static final int MAX_HOPS = 4;
    /** In the order in which they are preferred, as in the dispatcher's own answers. */
    private static final List<String> LEADING = Arrays.asList("leader", "alone", "suspended");

    private final Access access;

    Dispatcher(Configuration configuration) throws IOException {
        this.access = Access.of(configuration);
    }

    /** It has answered, and will not do what it is asked. */
    static final class Refused extends IOException {
        private static final long serialVersionUID = 1;

        Refused(String message) {
            super(message);
        }
    }

    /** All that is known of a cluster. */
    JsonNode describe(String cluster) throws IOException {
        return ask("GET", "/v1/clusters/" + URLEncoder.encode(cluster, "UTF-8"), null);
    }

    /** The REST address of the JobManager that leads; null while none is known. */
    String jobManager(String cluster) throws IOException {
        JsonNode found = null;
        int best = LEADING.size();
        for (JsonNode appMaster : describe(cluster).path("appmasters")) {
            int rank = LEADING.indexOf(appMaster.path("standing").asText());
            if (rank >= 0 && rank < best && appMaster.hasNonNull("flink_url")) {
                best = rank;
                found = appMaster;
            }
        }
        return found == null ? null : found.get("flink_url").asText();
    }

    /** A cluster that does not exist yet. */
    JsonNode create(JsonNode manifest) throws IOException {
        return ask("POST", "/v1/clusters", JSON.writeValueAsBytes(manifest));
    }

    JsonNode delete(String cluster) throws IOException {
        return ask("DELETE", "/v1/clusters/" + URLEncoder.encode(cluster, "UTF-8"), null);
    }

    private JsonNode ask(String method, String path, byte[] body) throws IOException {
        URL url = new URL(access.address() + path);
        boolean isTrusted = true;
        for (int hop = 0; hop < MAX_HOPS; hop++) {
            HttpURLConnection connection = (HttpURLConnection) url.openConnection();
            try {
                send(connection, method, body, isTrusted);
                int status = answered(connection, url);
                String location = connection.getHeaderField("Location");
                if (status == 307 && location != null) {
                    URL next = new URL(url, location);
                    // A token does not leave TLS.
                    isTrusted = isTrusted && (next.getProtocol().equals(url.getProtocol()) || next.getProtocol().equals("https"));
                    url = next;
                    continue;
                }
                return read(connection, status, url);
            } finally {
                connection.disconnect();
            }
        }
        throw new IOException("dispatchers send from one to the other, last to " + url);
    }

    private void send(HttpURLConnection connection, String method, byte[] body, boolean isTrusted) throws IOException {
        connection.setConnectTimeout(MAX_WAIT_MS);
        connection.setReadTimeout(MAX_WAIT_MS);
        connection.setInstanceFollowRedirects(false);
        connection.setRequestMethod(method);
        connection.setRequestProperty("Accept", "application/json");
        if (connection instanceof HttpsURLConnection && access.sockets() != null) {
            ((HttpsURLConnection) connection).setSSLSocketFactory(access.sockets());
        }
        if (isTrusted && access.token() != null) {
            connection.setRequestProperty("Authorization", "Bearer " + access.token());
        }
        if (body != null) {
            // What is there already is not changed.
            connection.setRequestProperty("If-None-Match", "*");
            connection.setDoOutput(true);
            connection.setRequestProperty("Content-Type", "application/json");
            connection.setFixedLengthStreamingMode(body.length);
            try (OutputStream out = connection.getOutputStream()) {
                out.write(body);
            } catch (IOException error) {
                throw unreachable(connection.getURL(), error);
            }
        }
    }

    private static int answered(HttpURLConnection connection, URL url) throws IOException {
        try {
            return connection.getResponseCode();
        } catch (IOException error) {
            throw unreachable(url, error);
        }
    }

    private static IOException unreachable(URL url, IOException why) {
        return new IOException("the dispatcher at " + url.getProtocol() + "://" + url.getAuthority() + " cannot be reached: " + why.getMessage(), why);
    }

    private static JsonNode read(HttpURLConnection connection, int status, URL url) throws IOException {
        boolean isGood = status / 100 == 2;
        byte[] answer;
        try (InputStream in = isGood ? connection.getInputStream() : connection.getErrorStream()) {
            answer = in == null ? new byte[0] : whole(in);
        }
        JsonNode node;
        try {
            node = JSON.readTree(answer);
        } catch (IOException notJson) {
            node = null;
        }
        if (isGood && node != null) {
            return node;
        }
        String why = node == null || !node.hasNonNull("error") ? "it answers with status " + status : told(node);
        String message = "the dispatcher at " + url.getProtocol() + "://" + url.getAuthority() + ": " + why;
        // What may be otherwise in a moment is no refusal.
        throw status / 100 == 4 && status != 429 ? new Refused(message) : new IOException(message);
    }

    private static String told(JsonNode problem) {
        StringBuilder text = new StringBuilder(problem.get("error").asText());
        for (JsonNode field : problem.path("fields")) {
            String finding = field.path("field").asText() + ": " + field.path("reason").asText();
            if (text.indexOf(field.path("reason").asText()) < 0) {
                text.append("; ").append(finding);
            }
        }
        return text.toString();
    }

    private static byte[] whole(InputStream in) throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        byte[] piece = new byte[8192];
        for (int count = in.read(piece); count >= 0; count = in.read(piece)) {
            bytes.write(piece, 0, count);
            if (bytes.size() > MAX_ANSWER) {
                throw new IOException("an answer of more than " + (MAX_ANSWER >> 20) + " MiB");
            }
        }
        return bytes.toByteArray();
    }

}
