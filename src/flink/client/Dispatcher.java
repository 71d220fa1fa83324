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
    /** The dispatcher has a file on its disk before it answers. */
    private static final int MAX_WAIT_FOR_FILE_MS = 300_000;
    private static final int MAX_ANSWER = 16 << 20;
    private static final int MAX_HOPS = 4;
    /** In the order in which they are preferred, as in the dispatcher's own answers. */
    private static final List<String> LEADING = Arrays.asList("leader", "alone", "suspended");

    private final Access access;
    /** The dispatcher that has answered last, as it leads; a token does not leave TLS. */
    private URL base;
    private boolean isTrusted = true;

    Dispatcher(Configuration configuration) throws IOException {
        this.access = Access.of(configuration);
        this.base = new URL(access.address() + "/");
    }

    /** What goes with a request. */
    private interface Body {
        long length();

        void write(OutputStream out) throws IOException;
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
        byte[] text = JSON.writeValueAsBytes(manifest);
        return ask("POST", "/v1/clusters", new Body() {
            @Override
            public long length() {
                return text.length;
            }

            @Override
            public void write(OutputStream out) throws IOException {
                out.write(text);
            }
        });
    }

    /** The URI of a file, which is sent unless the dispatcher has it. Before that it is asked whether it takes it, and who does. */
    String push(Artifact file) throws IOException {
        String path = "/v1/artifacts/" + file.digest() + "?name=" + URLEncoder.encode(file.name(), "UTF-8");
        JsonNode answer = ask("PUT", path + "&dryRun=true&size=" + file.size(), null);
        if (!"unchanged".equals(answer.path("outcome").asText())) {
            answer = ask("PUT", path, new Body() {
                @Override
                public long length() {
                    return file.size();
                }

                @Override
                public void write(OutputStream out) throws IOException {
                    file.write(out);
                }
            });
        }
        return answer.get("uri").asText();
    }

    JsonNode delete(String cluster) throws IOException {
        return ask("DELETE", "/v1/clusters/" + URLEncoder.encode(cluster, "UTF-8"), null);
    }

    private JsonNode ask(String method, String path, Body body) throws IOException {
        URL url = new URL(base.toString().replaceAll("/+$", "") + path);
        for (int hop = 0; hop < MAX_HOPS; hop++) {
            HttpURLConnection connection = (HttpURLConnection) url.openConnection();
            try {
                send(connection, method, body);
                int status = answered(connection, url);
                String location = connection.getHeaderField("Location");
                if (status == 307 && location != null) {
                    URL next = new URL(url, location);
                    isTrusted = isTrusted && (next.getProtocol().equals(url.getProtocol()) || next.getProtocol().equals("https"));
                    url = next;
                    base = new URL(url, "/");
                    continue;
                }
                return read(connection, status, url);
            } finally {
                connection.disconnect();
            }
        }
        throw new IOException("dispatchers send from one to the other, last to " + url);
    }

    private void send(HttpURLConnection connection, String method, Body body) throws IOException {
        connection.setConnectTimeout(MAX_WAIT_MS);
        connection.setReadTimeout(body != null && method.equals("PUT") ? MAX_WAIT_FOR_FILE_MS : MAX_WAIT_MS);
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
            // A cluster that is there already is not changed.
            connection.setRequestProperty("If-None-Match", "*");
            connection.setDoOutput(true);
            connection.setRequestProperty("Content-Type", method.equals("PUT") ? "application/octet-stream" : "application/json");
            connection.setFixedLengthStreamingMode(body.length());
            try (OutputStream out = connection.getOutputStream()) {
                body.write(out);
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
