/* codec/format/vector_state.h -- what ISA-L leaves behind in the processor.
 *
 * Functions of ISA-L 2.30 for AVX-512 (the CRCs, igzip) return with the upper parts of the vector registers in use.
 * From then on each SSE instruction of the thread has to keep them, until somebody clears them: on a Sapphire Rapids
 * log2 took 45 ns instead of 1.5. So whoever calls ISA-L clears them (Intel's optimization manual, "Mixing SSE and AVX
 * code"). */
#pragma once

/* To be called right behind each call of ISA-L; some nanoseconds. Nothing is done on a processor without AVX. */
void vector_state_clear(void);
