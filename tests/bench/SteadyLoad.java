import java.io.FileWriter;
import java.io.IOException;
import java.io.Serializable;
import java.io.UncheckedIOException;
import java.time.Duration;
import java.util.TreeMap;
import java.util.UUID;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.functions.AggregateFunction;
import org.apache.flink.api.common.functions.MapFunction;
import org.apache.flink.api.common.state.MapState;
import org.apache.flink.api.common.state.MapStateDescriptor;
import org.apache.flink.api.common.state.ValueState;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.api.java.tuple.Tuple3;
import org.apache.flink.streaming.api.datastream.SingleOutputStreamOperator;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.api.functions.KeyedProcessFunction;
import org.apache.flink.streaming.api.functions.windowing.ProcessWindowFunction;
import org.apache.flink.streaming.api.windowing.assigners.TumblingEventTimeWindows;
import org.apache.flink.streaming.api.windowing.windows.TimeWindow;
import org.apache.flink.util.Collector;

/**
 * A job of a fixed rate with keyed state, timers, half-second windows and checkpoints, which writes down second by second
 * how many records and window results came out, and how late.
 *
 * <p>Record number n is due n / rate after the first, whatever happened before: after a restart the job makes up for all
 * that was due meanwhile, and how late a record is counts from when it was due.
 *
 * <p>Arguments: directory for the numbers, milliseconds since 1970 when the first record is due, records a second, seconds.
 */
public final class SteadyLoad {

    private static final int KEYS = 1_000;
    private static final int KINDS = 8;
    private static final Duration WINDOW = Duration.ofMillis(500);
    private static final long WATERMARK_EVERY_MS = 100;
    private static final long BUFFER_TIMEOUT_MS = 5;
    private static final long CHECKPOINT_EVERY_MS = 3_000;
    private static final long TIMER_EVERY_MS = 1_000;

    public static void main(String[] args) throws Exception {
        String directory = args[0];
        long beginMs = Long.parseLong(args[1]);
        int rate = Integer.parseInt(args[2]);
        long seconds = Long.parseLong(args[3]);
        StreamExecutionEnvironment environment = StreamExecutionEnvironment.getExecutionEnvironment();
        environment.enableCheckpointing(CHECKPOINT_EVERY_MS);
        environment.getConfig().setAutoWatermarkInterval(WATERMARK_EVERY_MS);
        environment.setBufferTimeout(BUFFER_TIMEOUT_MS);
        int sources = environment.getParallelism();
        long each = rate * seconds / sources;
        SingleOutputStreamOperator<Tuple3<Integer, Integer, Long>> records =
                environment
                        .fromSequence(0, each * sources - 1)
                        .map(new WhenDue(beginMs, each, (double) rate / sources))
                        .returns(Types.TUPLE(Types.INT, Types.INT, Types.LONG))
                        .assignTimestampsAndWatermarks(
                                WatermarkStrategy.<Tuple3<Integer, Integer, Long>>forMonotonousTimestamps()
                                        .withTimestampAssigner((record, none) -> record.f2));
        records.keyBy(record -> record.f0)
                .process(new CountKinds(directory))
                .name("records");
        records.keyBy(record -> record.f0)
                .window(TumblingEventTimeWindows.of(WINDOW))
                .aggregate(new Sum(), new WindowEnd())
                .keyBy(result -> result.f0)
                .process(new Results(directory))
                .name("windows");
        environment.execute("SteadyLoad");
    }

    /** Lets each number pass when it is due, as key, kind and the time when it was due. */
    private static final class WhenDue implements MapFunction<Long, Tuple3<Integer, Integer, Long>> {
        private static final long serialVersionUID = 1L;
        private final long beginMs;
        private final long each;
        private final double rate;

        WhenDue(long beginMs, long each, double rate) {
            this.beginMs = beginMs;
            this.each = each;
            this.rate = rate;
        }

        @Override
        public Tuple3<Integer, Integer, Long> map(Long number) throws InterruptedException {
            long dueMs = beginMs + (long) (number % each * 1_000 / rate);
            long early = dueMs - System.currentTimeMillis();
            if (early > 0) {
                Thread.sleep(early);
            }
            int mixed = Long.hashCode(number * 0x9E3779B97F4A7C15L) >>> 1;
            return Tuple3.of(mixed % KEYS, mixed % KINDS, dueMs);
        }
    }

    /** Counts kinds for each key in its state; a timer for each key throws the rarest away. */
    private static final class CountKinds
            extends KeyedProcessFunction<Integer, Tuple3<Integer, Integer, Long>, Void> {
        private static final long serialVersionUID = 1L;
        private final Lateness lateness;
        private transient MapState<Integer, Long> counts;
        private transient ValueState<Long> timer;

        CountKinds(String directory) {
            lateness = new Lateness(directory, "records");
        }

        @Override
        public void processElement(Tuple3<Integer, Integer, Long> record, Context context, Collector<Void> none)
                throws Exception {
            if (counts == null) {
                counts = getRuntimeContext().getMapState(new MapStateDescriptor<>("counts", Types.INT, Types.LONG));
                timer = getRuntimeContext().getState(new ValueStateDescriptor<>("timer", Types.LONG));
            }
            Long count = counts.get(record.f1);
            counts.put(record.f1, count == null ? 1 : count + 1);
            if (timer.value() == null) {
                long at = context.timerService().currentProcessingTime() + TIMER_EVERY_MS;
                context.timerService().registerProcessingTimeTimer(at);
                timer.update(at);
            }
            lateness.add(record.f2);
        }

        @Override
        public void onTimer(long at, OnTimerContext context, Collector<Void> none) throws Exception {
            // After a restart the timer is older than the state was asked for.
            if (counts == null) {
                counts = getRuntimeContext().getMapState(new MapStateDescriptor<>("counts", Types.INT, Types.LONG));
                timer = getRuntimeContext().getState(new ValueStateDescriptor<>("timer", Types.LONG));
            }
            Integer rarest = null;
            for (Integer kind : counts.keys()) {
                if (rarest == null || counts.get(kind) < counts.get(rarest)) {
                    rarest = kind;
                }
            }
            if (rarest != null) {
                counts.remove(rarest);
            }
            timer.clear();
        }
    }

    private static final class Sum implements AggregateFunction<Tuple3<Integer, Integer, Long>, Long, Long> {
        private static final long serialVersionUID = 1L;

        @Override
        public Long createAccumulator() {
            return 0L;
        }

        @Override
        public Long add(Tuple3<Integer, Integer, Long> record, Long sum) {
            return sum + record.f1;
        }

        @Override
        public Long getResult(Long sum) {
            return sum;
        }

        @Override
        public Long merge(Long one, Long other) {
            return one + other;
        }
    }

    private static final class WindowEnd
            extends ProcessWindowFunction<Long, Tuple3<Integer, Long, Long>, Integer, TimeWindow> {
        private static final long serialVersionUID = 1L;

        @Override
        public void process(
                Integer key, Context context, Iterable<Long> sums, Collector<Tuple3<Integer, Long, Long>> results) {
            for (Long sum : sums) {
                results.collect(Tuple3.of(key, sum, context.window().getEnd()));
            }
        }
    }

    private static final class Results extends KeyedProcessFunction<Integer, Tuple3<Integer, Long, Long>, Void> {
        private static final long serialVersionUID = 1L;
        private final Lateness lateness;

        Results(String directory) {
            lateness = new Lateness(directory, "windows");
        }

        @Override
        public void processElement(Tuple3<Integer, Long, Long> result, Context context, Collector<Void> none) {
            lateness.add(result.f2);
        }
    }

    /**
     * How late what comes out is, in a file of its own: a line for each second with the second since 1970 and pairs of
     * milliseconds, each within a tenth, and how often.
     */
    private static final class Lateness implements Serializable {
        private static final long serialVersionUID = 1L;
        private static final double STEP = Math.log(1.1);
        private final String prefix;
        private transient long second;
        private transient TreeMap<Long, Long> counts;
        private transient FileWriter file;

        Lateness(String directory, String name) {
            prefix = directory + "/" + name + "-";
        }

        void add(long dueMs) {
            long now = System.currentTimeMillis();
            if (now / 1_000 != second) {
                write();
                second = now / 1_000;
                counts = new TreeMap<>();
            }
            long late = Math.max(now - dueMs, 0);
            long bucket = late < 10 ? late : Math.round(Math.exp(Math.floor(Math.log(late) / STEP) * STEP));
            counts.merge(bucket, 1L, Long::sum);
        }

        private void write() {
            if (counts == null) {
                return;
            }
            StringBuilder line = new StringBuilder().append(second);
            counts.forEach((late, count) -> line.append(' ').append(late).append(':').append(count));
            try {
                if (file == null) {
                    file = new FileWriter(prefix + UUID.randomUUID());
                }
                file.append(line.append('\n')).flush();
            } catch (IOException failure) {
                throw new UncheckedIOException(failure);
            }
        }
    }
}
