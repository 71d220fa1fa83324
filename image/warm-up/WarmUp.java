import java.awt.Color;
import java.awt.Graphics2D;
import java.awt.Image;
import java.awt.image.BufferedImage;
import java.beans.Introspector;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.HttpURLConnection;
import java.net.URL;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.imageio.ImageIO;

/**
 * Runs a cluster with one TaskManager and a job on it, and has both JVMs write down the classes that they have loaded.
 *
 * <p>Arguments: the jar with the jobs WordCount and DumpClasses, the directory for the archives, the cluster's REST port and the
 * command that starts it. It runs while the image is built, in what the image will be, with its runtime, class path and
 * modification times.
 */
public final class WarmUp {

    /** A cold start on a busy machine takes half a minute. */
    private static final long LIMIT_NANOS = TimeUnit.MINUTES.toNanos(5);
    /** Smaller than this there is next to nothing in it. */
    private static final long LEAST_BYTES = 10_000_000;

    private static String url;

    public static void main(String[] args) throws Exception {
        checkRuntime();
        Path jar = Path.of(args[0]);
        Path archives = Path.of(args[1]);
        url = "http://127.0.0.1:" + args[2];
        List<String> command = new ArrayList<>(List.of(args).subList(3, args.length));
        command.addAll(List.of("-D", "mesos.initial-tasks=1", "-D", "env.java.opts.all=-XX:+RecordDynamicDumpInfo"));
        Process cluster = new ProcessBuilder(command).inheritIO().start();
        try {
            long end = System.nanoTime() + LIMIT_NANOS;
            await(cluster, end, "/overview", "\"slots-total\":[1-9]");
            // What a browser asks for first.
            for (String path : new String[] {"/", "/config", "/taskmanagers", "/jobs/overview", "/jobmanager/config"}) {
                get(path);
            }
            String id = upload(jar);
            run(cluster, end, id, "{\"entryClass\": \"WordCount\"}");
            run(cluster, end, id, "{\"entryClass\": \"DumpClasses\", \"programArgsList\": [\"" + archives + "\"]}");
        } finally {
            cluster.destroy();
            cluster.waitFor();
        }
        for (String role : new String[] {"jobmanager", "taskmanager"}) {
            Path archive = archives.resolve(role + ".jsa");
            if (!Files.exists(archive) || Files.size(archive) < LEAST_BYTES) {
                throw new IOException(archive + " was not written");
            }
        }
    }

    /** What jobs may do with the part of java.desktop that is there. */
    private static void checkRuntime() throws Exception {
        BufferedImage image = new BufferedImage(8, 8, BufferedImage.TYPE_INT_RGB);
        Graphics2D graphics = image.createGraphics();
        graphics.drawImage(image.getScaledInstance(4, 4, Image.SCALE_SMOOTH), 0, 0, null);
        graphics.setColor(Color.RED);
        graphics.fillOval(0, 0, 8, 8);
        graphics.dispose();
        ByteArrayOutputStream png = new ByteArrayOutputStream();
        boolean written = ImageIO.write(image, "png", png);
        BufferedImage read = ImageIO.read(new ByteArrayInputStream(png.toByteArray()));
        if (!written || read.getRGB(4, 4) != Color.RED.getRGB()) {
            throw new IOException("images do not work");
        }
        if (Introspector.getBeanInfo(Thread.class).getPropertyDescriptors().length == 0) {
            throw new IOException("beans do not work");
        }
    }

    private static void run(Process cluster, long end, String jar, String body) throws Exception {
        String id = find("\"jobid\":\"(\\w+)\"", post("/jars/" + jar + "/run", "application/json", body.getBytes(StandardCharsets.UTF_8)));
        await(cluster, end, "/jobs/" + id, "\"state\":\"FINISHED\"");
    }

    private static String upload(Path jar) throws IOException {
        String boundary = "a-line-that-no-jar-has";
        ByteArrayOutputStream body = new ByteArrayOutputStream();
        body.write(("--" + boundary + "\r\nContent-Disposition: form-data; name=\"jarfile\"; filename=\"jobs.jar\"\r\n"
                + "Content-Type: application/x-java-archive\r\n\r\n").getBytes(StandardCharsets.UTF_8));
        body.write(Files.readAllBytes(jar));
        body.write(("\r\n--" + boundary + "--\r\n").getBytes(StandardCharsets.UTF_8));
        String answer = post("/jars/upload", "multipart/form-data; boundary=" + boundary, body.toByteArray());
        return find("\"filename\":\"[^\"]*/([^/\"]+)\"", answer);
    }

    /** Asks until the answer has what is waited for. */
    private static void await(Process cluster, long end, String path, String pattern) throws Exception {
        String last = "";
        while (System.nanoTime() < end) {
            if (!cluster.isAlive()) {
                throw new IOException("the cluster ended with code " + cluster.exitValue());
            }
            try {
                last = get(path);
                if (Pattern.compile(pattern).matcher(last).find()) {
                    return;
                }
                if (last.contains("\"state\":\"FAILED\"")) {
                    throw new IllegalStateException(get(path + "/exceptions"));
                }
            } catch (IOException notYet) {
                last = notYet.toString();
            }
            Thread.sleep(100);
        }
        throw new IOException(path + " has no " + pattern + " in time, but " + last);
    }

    private static String get(String path) throws IOException {
        return answer((HttpURLConnection) new URL(url + path).openConnection());
    }

    private static String post(String path, String type, byte[] body) throws IOException {
        HttpURLConnection connection = (HttpURLConnection) new URL(url + path).openConnection();
        connection.setDoOutput(true);
        connection.setRequestProperty("Content-Type", type);
        try (OutputStream out = connection.getOutputStream()) {
            out.write(body);
        }
        return answer(connection);
    }

    private static String answer(HttpURLConnection connection) throws IOException {
        boolean refused = connection.getResponseCode() >= 400;
        try (InputStream in = refused ? connection.getErrorStream() : connection.getInputStream()) {
            String text = new String(in.readAllBytes(), StandardCharsets.UTF_8);
            if (refused) {
                throw new IOException(connection.getURL() + " answered " + connection.getResponseCode() + " " + text);
            }
            return text;
        }
    }

    private static String find(String pattern, String text) throws IOException {
        Matcher matcher = Pattern.compile(pattern).matcher(text);
        if (!matcher.find()) {
            throw new IOException("no " + pattern + " in " + text);
        }
        return matcher.group(1);
    }
}
