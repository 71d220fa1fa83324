package flinkonmesos;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.apache.flink.configuration.Configuration;

/** What an application needs of this machine beside a jar: pushed to the dispatcher, and fetched into the AppMaster's working directory. */
final class ApplicationFiles {
    private static final String DRIVER = "org.apache.flink.client.python.PythonDriver";
    private static final List<String> PROGRAM = Arrays.asList("-py", "--python");
    /** Lists of paths, with a comma between them and, after #, what a path is called at its destination. */
    private static final List<String> LISTS = Arrays.asList("python.files", "python.archives", "python.requirements");

    private final Dispatcher dispatcher;
    /** By the names that they will have. */
    private final Map<String, String> uris = new LinkedHashMap<>();
    private final Map<String, Path> sources = new LinkedHashMap<>();

    ApplicationFiles(Dispatcher dispatcher) {
        this.dispatcher = dispatcher;
    }

    static boolean isPython(String entryClass) {
        return DRIVER.equals(entryClass);
    }

    List<String> uris() {
        return new ArrayList<>(uris.values());
    }

    /** A program's arguments, with the Python file where it will be. */
    String[] arguments(String[] arguments) throws IOException {
        String[] moved = arguments.clone();
        for (int at = 1; at < moved.length; at++) {
            if (PROGRAM.contains(moved[at - 1])) {
                moved[at] = moved(moved[at]);
            }
        }
        return moved;
    }

    /** Options of Python, with files where they will be. */
    Configuration settings(Configuration configuration) throws IOException {
        Configuration moved = new Configuration(configuration);
        for (String key : LISTS) {
            String paths = configuration.toMap().get(key);
            if (paths != null) {
                List<String> there = new ArrayList<>();
                for (String path : paths.split(",")) {
                    String[] parts = path.split("#", 2);
                    parts[0] = moved(parts[0]);
                    there.add(String.join("#", parts));
                }
                moved.setString(key, String.join(",", there));
            }
        }
        return moved;
    }

    /** Where the AppMaster will have it; what is on no file system of this machine is there already. */
    private String moved(String path) throws IOException {
        if (path.startsWith("local://")) {
            return path.substring("local://".length());
        }
        Path file = Artifact.local(path);
        if (file == null) {
            return path;
        }
        if (Files.isDirectory(file)) {
            throw new IOException(file + " is a directory, and the dispatcher takes files: make a zip of it");
        }
        String name = Artifact.plain(file.getFileName().toString());
        Path known = sources.putIfAbsent(name, file.toAbsolutePath().normalize());
        if (known == null) {
            uris.put(name, dispatcher.push(Artifact.of(file)));
        } else if (!known.equals(file.toAbsolutePath().normalize())) {
            throw new IOException(known + " and " + file + " would be the same file in the AppMaster's working directory");
        }
        return name;
    }
}
