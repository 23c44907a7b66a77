/* runtime/fiber/fiber_switch_aarch64.S -- leaves one stack and goes on with another.
 *
 * Saved are x19 to x30 and the low halves of v8 to v15. It ends in `br`, not `ret`, for the return predictor's sake. */

        .text

/* void fiber_switch(void **save, void *load) */
        .globl  fiber_switch
        .type   fiber_switch, %function
        .p2align 4
fiber_switch:
        .cfi_startproc
        sub     sp, sp, #160
        .cfi_adjust_cfa_offset 160
        stp     x19, x20, [sp, #0]
        stp     x21, x22, [sp, #16]
        stp     x23, x24, [sp, #32]
        stp     x25, x26, [sp, #48]
        stp     x27, x28, [sp, #64]
        stp     x29, x30, [sp, #80]
        stp     d8, d9, [sp, #96]
        stp     d10, d11, [sp, #112]
        stp     d12, d13, [sp, #128]
        stp     d14, d15, [sp, #144]
        .cfi_rel_offset x29, 80
        .cfi_rel_offset x30, 88
        mov     x9, sp
        str     x9, [x0]
        mov     sp, x1
        ldp     x19, x20, [sp, #0]
        ldp     x21, x22, [sp, #16]
        ldp     x23, x24, [sp, #32]
        ldp     x25, x26, [sp, #48]
        ldp     x27, x28, [sp, #64]
        ldp     x29, x30, [sp, #80]
        ldp     d8, d9, [sp, #96]
        ldp     d10, d11, [sp, #112]
        ldp     d12, d13, [sp, #128]
        ldp     d14, d15, [sp, #144]
        .cfi_restore x29
        .cfi_restore x30
        add     sp, sp, #160
        .cfi_adjust_cfa_offset -160
        mov     x16, x30
        br      x16
        .cfi_endproc
        .size   fiber_switch, .-fiber_switch

        .type   fiber_switch_first_frame, %function
        .p2align 4
fiber_switch_first_frame:
        .cfi_startproc
        .cfi_undefined x30
        mov     x0, x20
        blr     x19
        brk     #0
        .cfi_endproc
        .size   fiber_switch_first_frame, .-fiber_switch_first_frame

/* void *fiber_switch_prepare(void *top, void (*entry)(void *), void *argument) */
        .globl  fiber_switch_prepare
        .type   fiber_switch_prepare, %function
        .p2align 4
fiber_switch_prepare:
        .cfi_startproc
        sub     x0, x0, #160
        stp     x1, x2, [x0, #0]        /* x19: the entry, x20: the argument */
        stp     xzr, xzr, [x0, #16]
        stp     xzr, xzr, [x0, #32]
        stp     xzr, xzr, [x0, #48]
        stp     xzr, xzr, [x0, #64]
        adr     x9, fiber_switch_first_frame
        stp     xzr, x9, [x0, #80]      /* x29: the end of the chain of frames, x30: where to go */
        stp     xzr, xzr, [x0, #96]
        stp     xzr, xzr, [x0, #112]
        stp     xzr, xzr, [x0, #128]
        stp     xzr, xzr, [x0, #144]
        ret
        .cfi_endproc
        .size   fiber_switch_prepare, .-fiber_switch_prepare

        .section .note.GNU-stack, "", %progbits
